package valkey

import (
	"strings"
	"testing"
	"time"
)

func TestFailedFsyncIsNotPersistent(t *testing.T) {
	const info = "# Memory\r\nused_memory:1048576\r\nmaxmemory:2097152\r\n\r\n# Persistence\r\naof_enabled:1\r\naof_last_write_status:%\r\n" +
		"aof_delayed_fsync:7\r\n\r\n# Commandstats\r\ncmdstat_evalsha:calls=3,usec=1500,usec_per_call=500.00,rejected_calls=0,failed_calls=0\r\n"
	for status, persistent := range map[string]bool{"ok": true, "err": false} {
		got := parseInfo(strings.Replace(info, "%", status, 1))
		want := Server{UsedBytes: 1 << 20, MaxBytes: 2 << 20, Persistent: persistent, DelayedSyncs: 7, InScripts: 1500 * time.Microsecond}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", status, got, want)
		}
	}
}
