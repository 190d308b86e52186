package stack

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/eduardosanzb/flagmeter/scripts/compose"
)

// mendTornTail cuts a transaction off Valkey's append-only file that a crash has left unfinished,
// as scripts/compose/mend-aof.sh says. Without a program that checks the file, or without a file,
// nothing is done.
func mendTornTail(ctx context.Context, room *room, server string, log *slog.Logger) error {
	name := strings.Replace(filepath.Base(server), "-server", "-check-aof", 1)
	check, err := exec.LookPath(filepath.Join(filepath.Dir(server), name))
	if err != nil {
		return nil
	}
	// As the server, it changes into the room by itself, with the rights of its account.
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd "$0" && exec /bin/sh -c "$1" mend-aof data`,
		room.path, compose.MendAOF)
	cmd.Dir, cmd.Env = "/", append(environ(), "CHECK_AOF="+check)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	room.user.apply(cmd.SysProcAttr)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("check the append-only file of Valkey: %w:\n%s", err, out)
	}
	if len(out) > 0 {
		log.Warn("the append-only file of Valkey was not whole", "said", string(out))
	}
	return nil
}
