// Package compose holds the files that docker-compose.yml mounts and `make` runs. MendAOF is the
// one that also runs without Docker.
package compose

import _ "embed"

// MendAOF is a script for sh. Its only argument is Valkey's data directory. It removes a
// transaction that a crash has left unfinished from the end of the append-only file.
//
//go:embed mend-aof.sh
var MendAOF string
