// Package backup makes backups of the database, keeps them for a while, and brings one back.
//
// A backup is two objects of a [Target], a directory or a bucket: NAME.dump, what pg_dump
// writes in its custom format, and NAME.json, its [Manifest]. The manifest comes last. A backup
// exists if its manifest does and the dump beside it has the size that it tells.
//
// # Making one, and what a crash right after each step costs
//
//  1. Snapshot: a transaction exports its snapshot and adds up all events, rollups and days,
//     and reads the ledger's seq of each shard. A crash rolls back.
//  2. Dump: pg_dump reads the same snapshot, so that the sums are those of the dump, while
//     everybody else goes on writing. What it writes is hashed on its way. A directory gets it
//     under another name, fsync and a rename; a bucket gets it whole or not at all. If pg_dump
//     fails, nothing gets a name. A crash leaves a temporary file, or a dump without a
//     manifest, which is no backup and is removed a day later.
//  3. Manifest: the same way.
//  4. Retention: those older than is said are deleted, manifest first, so that none is ever
//     half there. The newest good backup stays, however old it is.
//
// # Bringing one back
//
// The dump's size and SHA-256 are compared before anything is written. pg_restore works in
// one transaction, into an empty database only. Then the same sums are read there and compared
// with the manifest.
//
// A backup is always older than Valkey. What has to be done so that the two are one again is
// called adoption (package flusher, "When Postgres was restored").
//
// The password of the database never is an argument of a program: others on the machine could
// read it. It goes through the environment, and into no error.
package backup
