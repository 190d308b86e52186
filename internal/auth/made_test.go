package auth

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// liveMade fails the test unless so many live keys were made with a key.
func (r *rig) liveMade(id uuid.UUID, tenant string, want int) {
	r.Helper()
	got, err := LiveMade(r.Context(), r.env.AppDB, id, tenant, r.Now())
	if err != nil || got != want {
		r.Errorf("%d live keys of tenant %q were made with it, want %d: %v", got, tenant, want, err)
	}
}

// revokeMade fails the test unless so many keys are revoked that were made with a key.
func (r *rig) revokeMade(id uuid.UUID, tenant string, want int) {
	r.Helper()
	got, pending, err := RevokeMade(r.Context(), r.env.AppDB, r.valkey, id, tenant, r.Now())
	if err != nil || pending != nil || got != want {
		r.Errorf("%d keys of tenant %q are revoked, want %d: %v, %v", got, tenant, want, pending, err)
	}
}

// A stolen key has made keys, and these others; some of them have ended.
func TestKeysThatAKeyHasMadeAreRevoked(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	stolen, stolenID := r.create(NewKey{Scope: "admin"})
	kept, keptID := r.create(NewKey{Scope: "admin"})
	keptMade, _ := r.create(NewKey{Scope: "read", Maker: keptID})
	child, childID := r.create(NewKey{Scope: "admin", Maker: stolenID, Tenant: "acme"})
	grandchild, _ := r.create(NewKey{Scope: "read", Maker: childID, Tenant: "acme"})
	other, _ := r.create(NewKey{Scope: "read", Maker: stolenID, Tenant: "globex"})
	r.create(NewKey{Scope: "read", Maker: stolenID, Expires: noon.Add(time.Minute)})
	r.Advance(time.Hour)
	r.revoke(childID, true) // its own key goes on, and is still one of the stolen one's
	r.revoke(stolenID, true)
	r.liveMade(stolenID, "", 2)
	r.liveMade(stolenID, "acme", 1)
	r.liveMade(childID, "", 1)
	r.liveMade(uuid.New(), "", 0)

	second := r.another()
	r.start(second)
	r.revokeMade(stolenID, "acme", 1)
	r.liveMade(stolenID, "", 1)
	for name, d := range map[string]*Directory{"first": r.dir, "second": second} {
		r.look(d)
		for key, want := range map[string]bool{
			stolen: false, child: false, grandchild: false, other: true, kept: true, keptMade: true,
		} {
			if knows(d, key) != want {
				t.Errorf("the %s process: %s is known: %v, want %v", name, key, !want, want)
			}
		}
	}
	r.revokeMade(stolenID, "", 1)
	r.revokeMade(stolenID, "", 0) // again
	r.liveMade(stolenID, "", 0)
}

// Whoever has the stolen key goes on making keys meanwhile, through a process that has not learned
// of the revocation.
func TestNoKeyIsMadeBehindARevocation(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	_, stolen := r.create(NewKey{Scope: "admin"})
	var all sync.WaitGroup
	begun := make(chan struct{}, 1)
	for range 4 {
		all.Go(func() {
			maker := stolen
			for range 500 {
				k := NewKey{Scope: "admin", Maker: maker}
				_, made, err := Create(t.Context(), r.env.AppDB, k, r.Now())
				if errors.Is(err, store.ErrMakerRevoked) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				maker = made.ID // a chain
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	<-begun
	made, _, err := RevokeMade(t.Context(), r.env.AppDB, r.valkey, stolen, "", r.Now())
	if err != nil || made == 0 {
		t.Errorf("%d keys are revoked, %v", made, err)
	}
	all.Wait()
	r.liveMade(stolen, "", 0)
}

// Both kinds of revocation lock the same rows.
func TestRevocationsDoNotWaitForEachOther(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	for range 20 {
		_, stolen := r.create(NewKey{Scope: "admin"})
		_, made := r.create(NewKey{Scope: "read", Maker: stolen})
		var both sync.WaitGroup
		both.Go(func() { r.revoke(made, true) })
		both.Go(func() {
			_, pending, err := RevokeMade(t.Context(), r.env.AppDB, r.valkey, stolen, "", r.Now())
			if err != nil || pending != nil {
				t.Errorf("%v, %v", pending, err)
			}
		})
		both.Wait()
	}
}
