package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// mendTornTail cuts a transaction off Valkey's append-only file that a crash has left unfinished.
//
// Valkey does not count such a transaction, but leaves its whole commands in the file (seen with
// 8.0.1). What is written next stands behind them, and the next start but one runs both as one
// transaction: counters grow by an event that nobody has acknowledged. The program that checks
// the file cuts where the transaction begins. Without it, or without a file, nothing is done.
func mendTornTail(ctx context.Context, room *room, server string) error {
	const manifest = "data/appendonlydir/appendonly.aof.manifest"
	if _, err := room.files.Lstat(manifest); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	name := strings.Replace(filepath.Base(server), "-server", "-check-aof", 1)
	check, err := exec.LookPath(filepath.Join(filepath.Dir(server), name))
	if err != nil {
		return nil
	}
	// As the server, it changes into the room by itself, with the rights of its account.
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd "$0" && exec "$1" --fix "$2"`,
		room.path, check, manifest)
	cmd.Dir, cmd.Stdin = "/", strings.NewReader("y\n")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	room.user.apply(cmd.SysProcAttr)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("check the append-only file of Valkey: %w:\n%s", err, out)
	}
	return nil
}
