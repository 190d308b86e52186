package command

import (
	"log/slog"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// collectAt is the growth of the heap, in percent, at which the garbage collector runs. A
// role's heap is a few MiB, so with Go's 100 it ran 40 times a second at 20,000 events/s,
// a tenth of the process's time; with 400 it takes 2 % and up to 20 MiB more.
const collectAt = 400

// tuneMemory sets how the garbage collector works, unless GOGC and GOMEMLIMIT do: rarely,
// as long as memory is below eight tenths of the container's limit, if there is one. The rest is
// for what Go's limit leaves out, which is the program itself, and for the moment in which it is
// exceeded: with nine tenths of 160 MiB, large bodies made ingest 159 MiB large.
func tuneMemory(getenv func(string) string, log *slog.Logger) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	_, err := memlimit.Set(memlimit.WithRatio(0.8), memlimit.WithProvider(memlimit.FromCgroup))
	if err != nil {
		log.Debug("no memory limit was found", "error", err)
	}
}
