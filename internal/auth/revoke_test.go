package auth

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// revoke revokes a key as the command does, and fails unless the given stores were told.
func (r *rig) revoke(id uuid.UUID, all bool) {
	r.Helper()
	pending, err := Revoke(r.Context(), r.env.AppDB, r.valkey, id, r.Now())
	if err != nil || (pending == nil) != all {
		r.Fatalf("revoke: %v, pending %v", err, pending)
	}
}

func TestARevokedKeyEndsOnEveryProcess(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read"})
	kept, _ := r.create(NewKey{Scope: "read"})
	second := r.another()
	r.start(second)
	r.revoke(id, true)
	for name, d := range map[string]*Directory{"first": r.dir, "second": second} {
		r.look(d)
		if knows(d, key) || !knows(d, kept) {
			t.Errorf("%s process: the key is known, or the other one is not", name)
		}
	}
	if !r.stored(id).RevokedAt.Time.Equal(noon) {
		t.Errorf("revoked at %v", r.stored(id).RevokedAt)
	}
	r.Advance(time.Hour)
	r.revoke(id, true) // again
	if !r.stored(id).RevokedAt.Time.Equal(noon) {
		t.Error("a second time has moved the first")
	}
}

// Each store alone is enough to learn of it.
func TestEitherStoreTells(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read"})
	if err := r.valkey.RevokeKeys(t.Context(), map[uuid.UUID]time.Time{id: r.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := r.dir.sync(t.Context()); err != nil || knows(r.dir, key) {
		t.Errorf("from Valkey alone: %v", err)
	}
	key, _ = r.create(NewKey{Scope: "read"})
	if _, err := r.env.DB.Exec("UPDATE api_keys SET revoked_at = now()"); err != nil {
		t.Fatal(err)
	}
	if err := r.dir.refresh(t.Context()); err != nil || knows(r.dir, key) {
		t.Errorf("from Postgres alone: %v", err)
	}
}

func TestAKeyThatWasRevokedWithoutPostgresNeverComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	key, id := r.create(NewKey{Scope: "read"})
	kept, keptID := r.create(NewKey{Scope: "read"})
	r.look(r.dir) // which leaves a copy in Valkey
	r.env.Stack.Postgres.Kill()

	// A process that starts now works with the copy.
	second := r.another()
	r.start(second)
	if !knows(second, key) || !knows(second, kept) {
		t.Fatal("the copy does not have them")
	}
	if found, err := Find(t.Context(), r.env.AppDB, r.valkey, key); found != id || err != nil {
		t.Errorf("find without Postgres: %v, %v", found, err)
	}
	if _, err := Find(t.Context(), r.env.AppDB, r.valkey, uuid.NewString()); err == nil ||
		!strings.Contains(err.Error(), "no such API key") {
		t.Errorf("find one that does not exist, without Postgres: %v", err)
	}
	r.revoke(id, false)
	third := r.another()
	r.start(third)
	for name, d := range map[string]*Directory{"first": r.dir, "second": second, "third": third} {
		r.look(d)
		if knows(d, key) || !knows(d, kept) {
			t.Errorf("%s process: the key is known, or the other one is not", name)
		}
	}
	if copy, err := r.valkey.KeysCopy().Load(t.Context()); err != nil ||
		strings.Contains(string(copy), id.String()) || !strings.Contains(string(copy), keptID.String()) {
		t.Errorf("the copy is %s, %v", copy, err)
	}

	// Valkey loses it before Postgres is back: whoever knows reminds it.
	if err := r.env.Valkey.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	r.look(second)
	if noted, err := r.valkey.RevokedKeys(t.Context()); err != nil || len(noted) != 1 {
		t.Errorf("noted %v, %v", noted, err)
	}
	if err := r.env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	fourth := r.another()
	r.start(fourth)
	if knows(fourth, key) || !knows(fourth, kept) {
		t.Error("a process that starts when Postgres is back knows it")
	}
	if !r.stored(id).RevokedAt.Time.Equal(noon) {
		t.Error("Postgres was not told")
	}
}

func TestWithNeitherStoreRevokingFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	key, id := r.create(NewKey{Scope: "read"})
	r.env.Stack.Valkey.Kill()
	other, otherID := r.create(NewKey{Scope: "read"})
	r.revoke(otherID, false)
	r.look(r.dir)
	if knows(r.dir, other) {
		t.Error("Postgres alone does not tell")
	}
	r.env.Stack.Postgres.Kill()
	if pending, err := Revoke(t.Context(), r.env.AppDB, r.valkey, id, r.Now()); err == nil {
		t.Errorf("revoked, pending %v", pending)
	}
	if !knows(r.dir, key) {
		t.Error("a directory forgets its keys while both stores are away")
	}
	if err := r.another().Start(t.Context()); err == nil {
		t.Error("a directory starts without knowing what was revoked")
	}
}

// A Postgres that hangs must not hold up what Valkey tells.
func TestAPostgresThatHangsDoesNotDelayIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read"})
	go r.dir.Keep(t.Context())
	tx, err := r.env.DB.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("LOCK api_keys, api_keys_version"); err != nil {
		t.Fatal(err)
	}
	// Nothing is unlocked until the end of the test.
	r.revoke(id, false)
	waittest.Until(t, "what Valkey tells is in force", func() bool { return !knows(r.dir, key) })
}

func TestARevocationIsForgottenOnceNobodyNeedsIt(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	key, id := r.create(NewKey{Scope: "read"})
	r.revoke(id, true)
	noted := func() int {
		t.Helper()
		all, err := r.valkey.RevokedKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	r.look(r.dir)
	r.look(r.dir)
	if noted() != 1 {
		t.Error("forgotten at once")
	}
	r.Advance(remember + time.Minute)
	fresh := r.another() // has just learned of it, and not yet asked Postgres since
	if err := fresh.sync(t.Context()); err != nil || noted() != 1 {
		t.Errorf("forgotten by a process that has not asked Postgres: %v", err)
	}
	r.look(r.dir)
	if noted() != 0 || len(r.dir.revoked) != 0 {
		t.Error("remembered for ever")
	}
	if knows(r.dir, key) {
		t.Error("the key is back")
	}
}

// Valkey alone knows of it, for longer than it is remembered: a process that last asked
// Postgres before the key was made must not take its silence for knowledge.
func TestWhatPostgresMayNotKnowIsNotForgotten(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	old := r.another()
	r.start(old)
	key, id := r.create(NewKey{Scope: "read"})
	if err := r.valkey.RevokeKeys(t.Context(), map[uuid.UUID]time.Time{id: r.Now()}); err != nil {
		t.Fatal(err)
	}
	r.Advance(remember + time.Minute)
	for range 2 {
		if err := old.sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if noted, err := r.valkey.RevokedKeys(t.Context()); err != nil || len(noted) != 1 {
		t.Fatalf("noted %v, %v", noted, err)
	}
	for range 3 { // asks, tells, and asks again
		r.look(old)
	}
	noted, err := r.valkey.RevokedKeys(t.Context())
	if err != nil || len(noted) != 0 || knows(old, key) || !r.stored(id).RevokedAt.Valid {
		t.Errorf("once Postgres knows: %v, %v", noted, err)
	}
}
