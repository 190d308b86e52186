package ingest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestTwoServersShareARateLimit(t *testing.T) {
	env := stacktest.New(t)
	limit := rated(1, 100)
	servers := []*api{newAPI(t, env, limit), startAPI(t, env, limit)}
	start := time.Now()
	var accepted, refused, neighbours atomic.Int64
	together(100, func(i int) {
		for n := range 4 {
			a := servers[(i+n)%2]
			r, err := a.do("POST", "/events", jsonType, strings.NewReader(acme(1, "")))
			switch {
			case err == nil && r.status == 200:
				accepted.Add(1)
			case err == nil && r.status == 429:
				refused.Add(1)
			default:
				t.Errorf("%d %s, %v", r.status, r.body, err)
			}
			// Those that share a group with a refused request are counted.
			r, err = a.do("POST", "/events", jsonType,
				strings.NewReader(`{"tenant":"free","feature":"chat","tokens":1}`))
			if err == nil && r.status == 200 {
				neighbours.Add(1)
			}
			if n == 0 && i%10 == 0 {
				a.set("acme", "rate_limit = NULL") // nothing changes, the view is renewed
			}
		}
	})
	most := 100 + int64(time.Since(start)/time.Second) + 1
	if got := accepted.Load(); got < 100 || got > most || got+refused.Load() != 400 {
		t.Errorf("%d events are accepted and %d refused, want 100 to %d of 400", got, refused.Load(),
			most)
	}
	if got := servers[0].total("acme"); got != accepted.Load() {
		t.Errorf("%d tokens, %d acknowledged", got, accepted.Load())
	}
	if got := servers[0].total("free"); got != neighbours.Load() {
		t.Errorf("free has %d tokens, %d acknowledged", got, neighbours.Load())
	}
}

// Whether a refusal is remembered must not be seen, but by the number of calls.
func TestARefusalIsRememberedUntilItMayBeOver(t *testing.T) {
	var ahead atomic.Int64
	// next to nothing drains while the test runs
	a := newAPI(t, stacktest.New(t), rated(1, 1000), func(s *setup) {
		s.machine = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	a.counted(batchOf("acme", 1000))
	calls := a.calls()
	for range 20 {
		a.refused(a.post(jsonType, batchOf("acme", 900)), 429, "rate-limited")
	}
	if got := a.calls(); got != calls {
		t.Errorf("20 refusals took %d calls, want none", got-calls)
	}
	// By this machine's clock there is room for 950 events: Valkey is asked, and knows better.
	ahead.Store(int64(950 * time.Second))
	a.refused(a.post(jsonType, batchOf("acme", 900)), 429, "rate-limited")
	if got := a.calls(); got != calls+1 {
		t.Errorf("the refusal took %d calls, want 1", got-calls)
	}
	// Another tenant is not concerned, and one event waits for less.
	a.counted(batchOf("free", 1000))
}

// What was refused for two tenants has charged neither.
func TestABatchIsHeldAgainstEveryTenantsLimit(t *testing.T) {
	a := newAPI(t, stacktest.New(t), rated(1, 100))
	began := time.Now()
	a.counted(batchOf("acme", 80))
	both := func(of string, n int, other string, m int) string {
		return strings.TrimSuffix(batchOf(of, n), "]") + "," + strings.TrimPrefix(batchOf(other, m), "[")
	}
	before := a.state()
	a.refused(a.post(jsonType, both("free", 100, "acme", 50)), 429, "rate-limited")
	a.refused(a.post(jsonType, both("acme", 50, "free", 100)), 429, "rate-limited")
	a.unchanged(before)
	r := a.post(jsonType, both("free", 30, "acme", 10))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var room int
	got, drained := r.header.Get("Ratelimit"), int(time.Since(began).Seconds())
	// acme's, the least
	if _, err := fmt.Sscanf(got, `"tenant";r=%d;`, &room); err != nil || room < 10 ||
		room > 10+drained {
		t.Errorf("RateLimit: %s", got)
	}
}

func TestAGroupWhoseReplyIsLostIsChargedOnce(t *testing.T) {
	env := stacktest.New(t)
	p, through := newProxy(t, env.ValkeyURL)
	a := newAPI(t, env, rated(1, 100), func(s *setup) { s.valkeyURL = through })
	a.counted(acme(1, ""))
	p.cutReplies.Store(2)
	r := a.post(jsonType, batchOf("acme", 30))
	if r.status != 200 || p.lost.Load() != 2 {
		t.Fatalf("%d %s after %d lost replies", r.status, r.body, p.lost.Load())
	}
	// The first may have drained.
	if got := r.header.Get("Ratelimit"); got != `"tenant";r=69;t=31` && got != `"tenant";r=70;t=30` {
		t.Errorf("RateLimit: %s, want room for what was not charged", got)
	}
	a.counted(batchOf("acme", 69))
	a.refused(a.post(jsonType, batchOf("acme", 90)), 429, "rate-limited")
	if got := a.total("acme"); got != 100 {
		t.Errorf("%d tokens, want 100", got)
	}
}

// Rates are judged before ids are looked up, so a duplicate may have to wait for room; but it
// takes none of what new events need.
func TestDuplicatesAreNotCharged(t *testing.T) {
	env := stacktest.New(t)
	a := newAPI(t, env, rated(1, 100))
	var twenty []string // for which a full bucket has no room within 20 s
	for id := range 20 {
		twenty = append(twenty, acme(1, fmt.Sprintf(`,"id":"%d"`, id)))
	}
	again := "[" + strings.Join(twenty, ",") + "]"
	a.counted(again)
	for range 3 {
		if got := a.counted(again); got.Duplicates != 20 {
			t.Errorf("%+v, want 20 duplicates", got)
		}
	}
	a.counted(batchOf("acme", 80))           // fills the bucket
	other := startAPI(t, env, rated(1, 100)) // which remembers nothing
	other.refused(other.post(jsonType, again), 429, "rate-limited")
	if got := other.total("acme"); got != 100 {
		t.Errorf("%d tokens, want 100", got)
	}
}

// A client that sends what is refused, or was counted before, is held to its rate as well.
func TestWhatIsNotCountedIsHeldToTheRateToo(t *testing.T) {
	const burst, most = 20, 60 // requests until the first 429: a few are refilled meanwhile
	env := stacktest.New(t)
	a := newAPI(t, env, rated(1, burst))
	a.counted(acme(1, `,"id":"1"`))
	a.set("free", "monthly_quota = 1, enforce = 'strict', rate_limit = 1, rate_burst = 20")
	for _, c := range []struct {
		name, body string
		answer     string
	}{
		{"conflicts", acme(2, `,"id":"1"`), "id-conflict"},
		{"duplicates", acme(1, `,"id":"1"`), `"duplicates":1`},
		{"a quota that is used up", `{"tenant":"free","feature":"chat","tokens":2}`, "quota-exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := startAPI(t, env, rated(1, burst)) // what is not counted weighs on its own process
			began := time.Now()
			for sent := 0; sent < most+int(time.Since(began).Seconds()); sent++ { // one a second is refilled
				r := a.post(jsonType, c.body)
				if strings.Contains(r.body, "/problems/rate-limited") {
					if sent < burst/2 {
						t.Errorf("the %d. request was held back at a burst of %d", sent+1, burst)
					}
					return
				}
				if !strings.Contains(r.body, c.answer) {
					t.Fatalf("%d %s, want %s", r.status, r.body, c.answer)
				}
			}
			t.Errorf("%d requests passed at a burst of %d", most, burst)
		})
	}
}
