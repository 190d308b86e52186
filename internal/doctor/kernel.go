package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// kernel is whether Linux gives Valkey memory the way it needs it. Both settings are the
// machine's, in a container too.
func (p *Patient) kernel(context.Context) []Finding {
	if !local(p.Config.ValkeyURL) {
		return one("kernel", Skip, "valkey is on another machine or in another container",
			"type there: sysctl vm.overcommit_memory, which should be 1")
	}
	return kernelAt("/proc", "/sys")
}

// kernelAt reads the settings of a Linux whose files are below proc and sys.
func kernelAt(proc, sys string) []Finding {
	overcommit, err := os.ReadFile(filepath.Join(proc, "sys/vm/overcommit_memory"))
	if err != nil {
		return one("kernel", Skip, "not Linux", "")
	}
	all := ok("overcommit", "vm.overcommit_memory = 1")
	if got := strings.TrimSpace(string(overcommit)); got != "1" {
		all = one("overcommit", Warn, "vm.overcommit_memory = "+got+
			": a rewrite of the append-only file can fail although memory is free",
			"sysctl -w vm.overcommit_memory=1, and for good: echo vm.overcommit_memory=1 >"+
				" /etc/sysctl.d/60-valkey.conf")
	}
	huge, err := os.ReadFile(filepath.Join(sys, "kernel/mm/transparent_hugepage/enabled"))
	switch {
	case err != nil:
	case strings.Contains(string(huge), "[always]"):
		all = append(all, one("huge pages", Warn,
			"transparent huge pages are always used: Valkey stalls and doubles its memory during a rewrite",
			"echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, at each start of the machine")...)
	default:
		all = append(all, ok("huge pages", "not forced on Valkey")...)
	}
	return all
}
