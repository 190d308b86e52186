// Package mirror keeps a table of Postgres in memory.
//
// A version row in Postgres changes with the table. A refresh, once a second, reads that one number
// and loads the table only if the number has changed: an edit by SQL is in force within two seconds,
// and a large table costs nothing while it stays the same. The owner of the table also leaves a copy
// in Valkey, from which a process can start while Postgres is down.
package mirror
