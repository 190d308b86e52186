// Package stack runs a private Valkey and a private Postgres as child processes:
// for `flagmeter dev`, and for every test that needs a store.
//
// What it promises:
//
//   - Start returns when each server has really answered a query, not when its port is open.
//   - The servers listen on a free port of 127.0.0.1 only, and want a random password.
//   - Nothing stays behind. A server never outlives the process that started it, also when
//     that process gets kill -9, and a temporary directory goes with it.
//   - The servers are in a session of their own: Ctrl-C at the terminal reaches the caller
//     alone, which can drain its work before it calls Stop.
//   - What the servers acknowledged survives their kill -9, and, without Options.Fast, a
//     crash of the machine.
//
// Each server runs below a watchdog, a /bin/sh of a few lines (watchdog.sh) that holds the
// reading end of a pipe. A line in the pipe is a signal for the server; the end of the pipe,
// which the kernel also sends when the caller dies, means: stop the server. This works on
// Linux and macOS alike, needs no second binary, and leaves no time between the caller's
// death and the order to stop.
//
// Every process below the caller, down to each Postgres backend, inherits the open lock file
// of a persistent directory, or the writing end of a pipe to the janitor of a temporary one.
// So the lock is free, or the directory removed, exactly when the last of them is gone.
//
// The data directory has one room per server:
//
//	DIR/lock                held with flock by everything that runs in DIR
//	DIR/valkey/             valkey.conf, password, log, data/
//	DIR/postgres/           password, log, data/
//
// When the caller is root, the servers run as the owner of DIR or, if that is root too, as user
// postgres, or nobody, and own their room; a room that exists keeps its owner. Root follows no link
// there (room.go).
package stack
