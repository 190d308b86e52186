package scripts

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

func TestServerTellsWhatValkeyIs(t *testing.T) {
	r := ownRig(t)
	ask := func() valkey.Server {
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
