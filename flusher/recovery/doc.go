// Package recovery makes Valkey and Postgres agree again after Valkey has lost writes, after
// Postgres was restored, and after the number of shards was changed: steps 10 to 16 of package
// flusher. The comment of that package says what a crash after each step costs.
package recovery
