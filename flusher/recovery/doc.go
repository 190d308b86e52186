// Package recovery makes Valkey and Postgres agree again after Valkey has lost writes, after
// Postgres was restored, and after the number of shards was changed: steps 10 to 16 of package
// flusher, whose comment says what a crash after each of them costs.
package recovery
