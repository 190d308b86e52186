// Package compose holds what docker-compose.yml mounts and `make` runs; MendAOF is the part of
// it that runs without Docker too.
package compose

import _ "embed"

// MendAOF is a script for sh: with Valkey's data directory as its only argument it cuts a
// transaction that a crash has left unfinished off the end of the append-only file.
//
//go:embed mend-aof.sh
var MendAOF string
