package ingest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// newKeyOf makes a key that is in force at once.
func (a *api) newKeyOf(k auth.NewKey) (key string, id uuid.UUID) {
	a.Helper()
	key, stored, err := auth.Create(a.Context(), a.env.DB, k, a.clock.Now())
	if err != nil {
		a.Fatal(err)
	}
	a.look()
	return key, stored.ID
}

// flood asks for keys until a goroutine of several is refused, through several processes, and
// returns how many were made.
func flood(t *testing.T, apis []*api, body string, each int) int64 {
	t.Helper()
	var made atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range each {
				r, err := apis[i%len(apis)].do("POST", "/keys", jsonType, strings.NewReader(body))
				switch {
				case err != nil:
					t.Error(err)
					return
				case r.status == 201:
					made.Add(1)
				case r.status != 409 && r.status != 429:
					t.Errorf("%d %s", r.status, r.body)
					return
				}
			}
		})
	}
	all.Wait()
	return made.Load()
}

// A key of one tenant cannot fill the memory of every process with keys, nor can the keys that it
// makes, whichever process is asked.
func TestTheKeysOfATenantAreLimited(t *testing.T) {
	env := stacktest.New(t)
	limits := func(s *setup) {
		s.auth, s.keyLimits = true, store.KeyLimits{Tenant: 5, Total: 100, Hour: 12, TotalHour: 100}
	}
	first, second := newAPI(t, env, limits), startAPI(t, env, limits)
	key, id := first.newKeyOf(auth.NewKey{Scope: "admin", Tenant: "acme"})
	second.look()
	own, other := first.as(key), second.as(key)
	const body = `{"scope":"admin","tenant":"acme"}`
	if n := flood(t, []*api{own, other}, body, 10); n != 4 {
		t.Errorf("%d keys were made beside the first, want 4", n)
	}
	p := own.refused(first.posted(own, body), 409, "too-many-keys")
	if want := `tenant "acme" has as many live API keys as it may have, 5`; !strings.Contains(p.Detail,
		want) {
		t.Errorf("%q, want %q", p.Detail, want)
	}
	// Whoever revokes and makes keys by turns is stopped by the hour.
	for range 20 {
		for _, k := range own.keyList() {
			if k.RevokedAt == nil && k.ID != id {
				if r := own.ask("DELETE", "/keys/"+k.ID.String()); r.status != 200 {
					t.Fatalf("DELETE: %d %s", r.status, r.body)
				}
			}
		}
		if r, _ := own.createKey(body); r.status == 429 {
			break
		}
	}
	first.clock.Advance(20 * time.Minute)
	r := first.posted(own, body)
	own.refused(r, 429, "keys-rate-limited")
	if got := r.header.Get("Retry-After"); got != "2400" {
		t.Errorf("Retry-After %q, want what is left of the hour", got)
	}
	if n := len(own.keyList()); n != 12 {
		t.Errorf("%d keys in all, want 12", n)
	}
	// Another tenant and the operator are not kept from theirs.
	operator := first.as(first.newKey("admin", ""))
	for _, body := range []string{`{"scope":"read","tenant":"free"}`, `{"scope":"read"}`} {
		if r, _ := operator.createKey(body); r.status != 201 {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	first.clock.Advance(40 * time.Minute)
	if r, _ := own.createKey(body); r.status != 201 {
		t.Errorf("an hour later: %d %s", r.status, r.body)
	}
}

func (a *api) posted(as *api, body string) response {
	a.Helper()
	r, _ := as.createKey(body)
	return r
}

func TestAllKeysTogetherAreLimited(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) {
		s.auth, s.keyLimits = true, store.KeyLimits{Tenant: 50, Total: 6, Hour: 50, TotalHour: 9}
	})
	operator := a.as(a.newKey("admin", ""))
	if n := flood(t, []*api{operator}, `{"scope":"admin"}`, 3); n != 5 {
		t.Errorf("%d keys were made beside the first, want 5", n)
	}
	r, _ := operator.createKey(`{"scope":"read","tenant":"acme"}`)
	operator.refused(r, 409, "too-many-keys")
	// A key that has ended makes room.
	if _, err := a.env.DB.Exec("UPDATE api_keys SET expires_at = $1 WHERE scope = 'admin' AND "+
		"created_by IS NOT NULL", a.clock.Now()); err != nil {
		t.Fatal(err)
	}
	a.clock.Advance(time.Second)
	for range 3 {
		if r, _ := operator.createKey(`{"scope":"read","tenant":"acme"}`); r.status != 201 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	r, _ = operator.createKey(`{"scope":"read"}`)
	operator.refused(r, 429, "keys-rate-limited")
}

// A key makes no key that lives longer or sends faster than itself.
func TestAKeyIsBoundByTheOneThatMakesIt(t *testing.T) {
	a := guarded(t)
	ends := a.clock.Now().Add(48 * time.Hour).Truncate(time.Second)
	key, id := a.newKeyOf(auth.NewKey{Scope: "admin", Tenant: "acme", Expires: ends,
		Rate: meter.Rate{PerSecond: 100, Burst: 500}})
	own := a.as(key)
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	for body, field := range map[string]string{
		`{"scope":"ingest","tenant":"acme","expiresAt":"` + at(ends.Add(time.Second)) + `"}`: "expiresAt",
		`{"scope":"ingest","tenant":"acme","expiresAt":"9999-01-01T00:00:00Z"}`:              "expiresAt",
		`{"scope":"ingest","tenant":"acme","rateLimit":101}`:                                 "rateLimit",
		`{"scope":"ingest","tenant":"acme","rateLimit":100,"rateBurst":501}`:                 "rateBurst",
	} {
		r, _ := own.createKey(body)
		if p := own.refused(r, 400, "invalid-key"); len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %s", body, r.body)
		}
	}
	r, k := own.createKey(`{"scope":"ingest","tenant":"acme"}`)
	if r.status != 201 || !k.ExpiresAt.Equal(ends) || *k.RateLimit != 100 || *k.RateBurst != 500 ||
		*k.CreatedBy != id {
		t.Errorf("what is not asked for: %d %s", r.status, r.body)
	}
	r, k = own.createKey(`{"scope":"ingest","tenant":"acme","rateLimit":7,"expiresAt":"` +
		at(ends.Add(-time.Hour)) + `"}`)
	if r.status != 201 || !k.ExpiresAt.Equal(ends.Add(-time.Hour)) || *k.RateLimit != 7 {
		t.Errorf("less than its own: %d %s", r.status, r.body)
	}
	// A session is bound by its key, not by its own twelve hours.
	b := a.browser()
	if r := b.as(key).ask("POST", "/session"); r.status != 200 {
		t.Fatalf("sign in: %d %s", r.status, r.body)
	}
	if r, k := b.createKey(`{"scope":"ingest","tenant":"acme"}`); r.status != 201 ||
		!k.ExpiresAt.Equal(ends) || *k.CreatedBy != id {
		t.Errorf("by a session: %d %s", r.status, r.body)
	}
	// One without an end and a rate makes any.
	operator := a.as(a.newKey("admin", ""))
	if r, k := operator.createKey(`{"scope":"ingest"}`); r.status != 201 || k.ExpiresAt != nil ||
		k.RateLimit != nil {
		t.Errorf("by a key without bounds: %d %s", r.status, r.body)
	}
}

func TestKeysComeInPages(t *testing.T) {
	a := guarded(t)
	admin := a.as(a.newKey("admin", ""))
	own := a.as(a.newKey("admin", "acme"))
	var want, wantOwn []uuid.UUID
	for i := range 25 {
		tenant := []string{"acme", "free"}[i%2]
		// several in the same instant
		_, k := admin.createKey(fmt.Sprintf(`{"scope":"read","tenant":%q}`, tenant))
		if want = append(want, k.ID); tenant == "acme" {
			wantOwn = append(wantOwn, k.ID)
		}
		if i%3 == 0 {
			a.clock.Advance(time.Microsecond)
		}
	}
	for name, c := range map[string]struct {
		by   *api
		want []uuid.UUID
	}{"all": {admin, want}, "of one tenant": {own, wantOwn}} {
		for _, limit := range []int{1, 2, 7, 1000} {
			var got []uuid.UUID
			query := "?limit=" + strconv.Itoa(limit)
			for {
				page := c.by.keyPage(query)
				if len(page.Keys) > limit || page.Next != nil && len(page.Keys) < limit {
					t.Fatalf("%s: a page of %d has %d", name, limit, len(page.Keys))
				}
				for _, k := range page.Keys {
					if slices.Contains(c.want, k.ID) {
						got = append(got, k.ID)
					}
				}
				if page.Next == nil {
					break
				}
				query = "?limit=" + strconv.Itoa(limit) + "&cursor=" + url.QueryEscape(*page.Next)
			}
			slices.SortFunc(got, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
			if !slices.Equal(got, c.want) { // version 7 ids are in order of creation
				t.Errorf("%s in pages of %d: %d keys, want %d", name, limit, len(got), len(c.want))
			}
		}
	}
	if page := admin.keyPage(""); len(page.Keys) != 27 || page.Next != nil {
		t.Errorf("%d keys, next %v", len(page.Keys), page.Next)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x", "?cursor=", "?cursor=x",
		"?cursor=eA", "?page=2", "?limit=1&limit=2"} {
		admin.refused(admin.get("/keys"+query), 400, "invalid-query")
	}
}
