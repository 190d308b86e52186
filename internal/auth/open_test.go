package auth

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Anybody can make a key where nobody is asked for one. It must be worth nothing elsewhere: not to
// this version, and not to the one before, which does not know the column.
func TestAKeyOfOpenModeEndsWithIt(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	kept, _ := r.create(NewKey{Scope: "read"})
	open, stored, err := Create(t.Context(), r.env.AppDB,
		NewKey{Scope: "admin", OpenMode: true}, r.Now())
	if err != nil {
		t.Fatal(err)
	}
	r.start(r.dir)
	if knows(r.dir, open) || !knows(r.dir, kept) {
		t.Error("a key of open mode is taken, or another is not")
	}
	r.look(r.dir)
	if k := r.stored(stored.ID); !k.RevokedAt.Valid || !k.OpenMode {
		t.Errorf("it is not revoked: %+v", k)
	}
	r.look(r.dir)
	version, err := store.APIKeysVersion(t.Context(), r.dir.db)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.look(r.dir)
	}
	// Or every process would load the table each second.
	if now, err := store.APIKeysVersion(t.Context(), r.dir.db); err != nil || now != version {
		t.Errorf("version %d, %v; it was %d", now, err, version)
	}
	copy, err := r.valkey.KeysCopy().Load(t.Context())
	if err != nil || strings.Contains(string(copy), stored.ID.String()) {
		t.Errorf("valkey's copy: %s, %v", copy, err)
	}
}

// A process that starts while Postgres is away knows all scopes by the copy in Valkey.
func TestTheCopyHasEveryScope(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	_, id := r.create(NewKey{Scope: "ingest read", Tenant: "acme"})
	copy, err := r.valkey.KeysCopy().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows, odd, err := decode(copy)
	if err != nil || len(odd) > 0 || len(rows) != 1 || rows[0].ID != id ||
		ScopeOf(rows[0]) != Ingest|Read || rows[0].Scope != "ingest" {
		t.Errorf("%+v, %v", rows, err)
	}
	if !strings.Contains(string(copy), `"scope":"ingest"`) {
		t.Errorf("the version before finds no scope that it knows in %s", copy)
	}
}
