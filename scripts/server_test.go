package scripts

import (
	"strings"
	"testing"
	"time"
)

func TestServerTellsWhatValkeyIs(t *testing.T) {
	r := ownRig(t)
	ask := func() Server {
		t.Helper()
		s, err := r.Server(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	set := func(name, value string) {
		t.Helper()
		if err := r.client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("appendonly", "yes")
	before := ask()
	if before.UsedBytes < 100<<10 || before.MaxBytes != 0 || !before.Persistent {
		t.Errorf("at first: %+v", before)
	}
	set("maxmemory", "64mb")
	if err := r.client.Set(t.Context(), "large", make([]byte, 1<<20), 0).Err(); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		r.add(chat(1))
	}
	after := ask()
	if after.UsedBytes < before.UsedBytes+1<<20 || after.MaxBytes != 64<<20 || after.InScripts <= before.InScripts {
		t.Errorf("before %+v, after %+v", before, after)
	}
	set("appendonly", "no")
	if ask().Persistent {
		t.Error("it is persistent without an append-only file")
	}
}

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
