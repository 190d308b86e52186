package auth

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestAKeyWorksUntilItEnds(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "ingest", Tenant: "acme", Expires: r.Now().Add(time.Hour)})
	other, _ := r.create(NewKey{Scope: "read", Tenant: "acme"}) // several at the same time
	e := r.dir.find(key)
	if e == nil || e.who.Scope != Ingest || e.who.Tenant != "acme" || e.who.KeyID != id {
		t.Fatalf("found %+v", e)
	}
	if e := r.dir.find(other); e == nil || e.who.Scope != Read {
		t.Errorf("found %+v", e)
	}
	if knows(r.dir, newKey("read")) {
		t.Error("a key that nobody has made is known")
	}
	r.Advance(time.Hour - time.Nanosecond)
	if !knows(r.dir, key) {
		t.Error("it has ended before its time")
	}
	r.Advance(time.Nanosecond)
	if knows(r.dir, key) || !knows(r.dir, other) {
		t.Error("it has not ended, or the other one has")
	}
	if _, _, err := Create(t.Context(), r.env.AppDB, NewKey{Scope: "read", Tenant: "nobody"},
		r.Now()); !errors.Is(err, store.ErrNoTenant) {
		t.Errorf("a key of a tenant that does not exist: %v", err)
	}
	if _, _, err := Create(t.Context(), r.env.AppDB, NewKey{Scope: "all"}, r.Now()); err == nil {
		t.Error("a key of a scope that does not exist")
	}
}

func TestAnEditBySQLIsInForceAfterALook(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, _ := r.create(NewKey{Scope: "read", Tenant: "acme"})
	exec := func(sql string) {
		t.Helper()
		if _, err := r.env.DB.Exec(sql); err != nil {
			t.Fatal(err)
		}
		r.look(r.dir)
	}
	exec("UPDATE tenants SET display_name = 'acme-corp' WHERE name = 'acme'")
	if e := r.dir.find(key); e == nil || e.who.Tenant != "acme" {
		t.Errorf("after a new name of its tenant: %+v", e)
	}
	exec("UPDATE api_keys SET scope = 'ingest'")
	if e := r.dir.find(key); e == nil || e.who.Scope != Ingest {
		t.Errorf("after a change of scope: %+v", e)
	}
	exec("UPDATE api_keys SET revoked_at = now()")
	if knows(r.dir, key) {
		t.Error("it is known after it was revoked")
	}
	exec("UPDATE api_keys SET revoked_at = NULL") // which only SQL can do
	exec("DELETE FROM api_keys")
	if knows(r.dir, key) {
		t.Error("it is known after it was deleted")
	}
}

// What is stored must not be enough to get in.
func TestTheKeyItselfIsStoredNowhere(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "admin"})
	r.look(r.dir)
	k := r.stored(id)
	if hash := Hash(key); !bytes.Equal(k.Hash, hash[:]) {
		t.Errorf("stored %x", k.Hash)
	}
	var row string
	if err := r.env.DB.Get(&row, "SELECT api_keys::text FROM api_keys"); err != nil {
		t.Fatal(err)
	}
	secret := key[len("fm_admin_"):]
	all := row
	for name, content := range stacktest.Dump(t, r.env.Valkey) {
		all += name + content
	}
	if strings.Contains(all, secret) || strings.Contains(all, hex.EncodeToString([]byte(secret))) {
		t.Error("the key is stored")
	}
}

func TestUseIsNotedOnceAMinute(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read"})
	use := func() {
		t.Helper()
		if _, err := r.gate.Authenticate(ask("GET", "Bearer "+key)); err != nil {
			t.Fatal(err)
		}
		r.look(r.dir)
	}
	lastUsed := func(want time.Time) {
		t.Helper()
		if got := r.stored(id).LastUsedAt; !got.Time.Equal(want) {
			t.Errorf("last used %v, want %v", got.Time, want)
		}
	}
	r.look(r.dir)
	lastUsed(time.Time{})
	use()
	lastUsed(noon)
	version, err := store.APIKeysVersion(t.Context(), r.env.AppDB)
	if err != nil {
		t.Fatal(err)
	}
	r.Advance(59 * time.Second)
	use()
	lastUsed(noon)
	// Another process has noted nothing yet, and finds that somebody has.
	second := r.another()
	r.start(second)
	second.find(key).use.touch(r.Now())
	r.look(second)
	lastUsed(noon)
	r.Advance(time.Second)
	use()
	lastUsed(noon.Add(time.Minute))
	if now, err := store.APIKeysVersion(t.Context(), r.env.AppDB); err != nil || now != version {
		t.Errorf("version %d, before %d: a use makes every process read all keys", now, version)
	}
}

func TestFind(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read"})
	for _, text := range []string{key, id.String()} {
		if got, err := Find(t.Context(), r.env.AppDB, r.valkey, text); got != id || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{newKey("read"), uuid.NewString()} {
		if _, err := Find(t.Context(), r.env.AppDB, r.valkey, text); !errors.Is(err, store.ErrNoKey) {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := Find(t.Context(), r.env.AppDB, r.valkey, key[1:])
	if err == nil || strings.Contains(err.Error(), key[1:]) {
		t.Errorf("something else: %v", err)
	}
}
