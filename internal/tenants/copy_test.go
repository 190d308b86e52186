package tenants

import (
	"log/slog"
	"testing"

	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// A Valkey that has lost its data, or got older ones, must be able to start an ingest
// without Postgres again.
func TestALostCopyIsRenewed(t *testing.T) {
	env := stacktest.New(t)
	valkey := scripts.New(env.Valkey, 1)
	d := New(env.DB, valkey, slog.New(slog.DiscardHandler))
	refresh := func() []byte {
		t.Helper()
		if err := d.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		copy, err := valkey.TenantsCopy().Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return copy
	}
	add := func(name string) {
		t.Helper()
		if _, err := env.DB.Exec("INSERT INTO tenants (name) VALUES ($1)", name); err != nil {
			t.Fatal(err)
		}
	}
	add("acme")
	older := refresh()
	add("globex")
	want := string(refresh())

	for what, lose := range map[string]func() error{
		"lost":  func() error { return env.Valkey.FlushDB(t.Context()).Err() },
		"older": func() error { return valkey.TenantsCopy().Save(t.Context(), older) },
	} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		if got := string(refresh()); got != want {
			t.Errorf("%s: the copy is %s, want %s", what, got, want)
		}
	}
}
