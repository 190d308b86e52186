package auth

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestOneOddKeyFreezesNoOther has rows that cannot be read, as a table has that was edited before
// there were constraints. The other keys work, end, and are in the copy.
func TestOneOddKeyFreezesNoOther(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	var log bytes.Buffer
	r.dir.table.Log = slog.New(slog.NewTextHandler(&log, nil))
	good, goodID := r.create(NewKey{Scope: "read", Tenant: "acme"})
	odd, oddID := r.create(NewKey{Scope: "read", Tenant: "acme"})
	far, farID := r.create(NewKey{Scope: "read", Tenant: "acme"})
	for _, statement := range []string{
		"ALTER TABLE api_keys DROP CONSTRAINT api_keys_expires_at_readable",
		"UPDATE api_keys SET expires_at = 'infinity' WHERE id = '" + oddID.String() + "'",
		"UPDATE api_keys SET expires_at = '20000-01-01Z' WHERE id = '" + farID.String() + "'",
	} {
		if _, err := r.env.DB.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	fresh, _ := r.create(NewKey{Scope: "read", Tenant: "acme"})
	if err := r.dir.refresh(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.dir.sync(t.Context()); err != nil {
		t.Error(err)
	}
	if !knows(r.dir, good) || !knows(r.dir, fresh) || knows(r.dir, odd) || knows(r.dir, far) {
		t.Error("the other keys do not work, or the odd ones do")
	}
	if text := log.String(); r.dir.Unreadable() != 2 || !strings.Contains(text, "level=ERROR") ||
		!strings.Contains(text, oddID.String()) || !strings.Contains(text, farID.String()) {
		t.Errorf("%d are unreadable, log: %s", r.dir.Unreadable(), text)
	}
	copy, err := r.valkey.KeysCopy().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if keys, unread, err := decode(copy); err != nil || len(keys) != 2 || len(unread) != 0 {
		t.Errorf("the copy has %d keys, %v, %v", len(keys), unread, err)
	}
	if _, err := Revoke(t.Context(), r.env.AppDB, r.valkey, goodID, r.Now()); err != nil {
		t.Fatal(err)
	}
	r.look(r.dir)
	if knows(r.dir, good) {
		t.Error("a revoked key works")
	}
	if _, unread, err := decode([]byte(
		`[{"id":1},{"id":"` + goodID.String() + `","scope":"read"}]`)); err != nil || len(unread) != 1 {
		t.Errorf("one odd row of the copy: %v, %v", unread, err)
	}
}
