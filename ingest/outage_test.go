package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestWhileValkeyIsAwayTheAnswerIs503(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	a := newAPI(t, env)
	a.counted(acme(1, `,"id":"e1"`))

	env.Stack.Valkey.Kill()
	// it does not wait for Valkey's return
	a.refused(a.post(jsonType, acme(2, `,"id":"e2"`)), 503, "unavailable")
	a.refused(a.get("/usage/acme"), 503, "unavailable")
	a.refused(a.get("/tenants"), 503, "unavailable")
	a.refused(a.get("/readyz"), 503, "unavailable")
	if r := a.get("/healthz"); r.status != 200 {
		t.Errorf("/healthz: %d %s", r.status, r.body)
	}

	if err := env.Stack.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		a.counted("[" + acme(1, `,"id":"e1"`) + "," + acme(2, `,"id":"e2"`) + "]")
	}
	if got := a.total("acme"); got != 3 {
		t.Errorf("%d tokens, want 3: e1 from before the crash and e2 from after it", got)
	}
}

// Clients that repeat what was not acknowledged, with the same ids, lose and double
// nothing in a crash of Valkey.
func TestACrashOfValkeyUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	a := newAPI(t, env)
	const clients, events = 8, 60
	half := make(chan struct{})
	var crash, posting sync.WaitGroup
	crash.Go(func() {
		<-half
		env.Stack.Valkey.Kill()
		if err := env.Stack.Valkey.Restart(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for client := range clients {
		posting.Go(func() {
			for i := range events {
				if client == 0 && i == events/2 {
					close(half)
				}
				body := acme(1, fmt.Sprintf(`,"id":"%d-%d"`, client, i))
				for {
					r, err := a.do("POST", "/events", jsonType, strings.NewReader(body))
					if err == nil && r.status == 200 {
						break
					}
					if err != nil || r.status != 503 {
						t.Errorf("%d %s, %v", r.status, r.body, err)
						return
					}
				}
			}
		})
	}
	posting.Wait()
	crash.Wait()
	if got := a.total("acme"); got != clients*events {
		t.Errorf("%d tokens, want %d", got, clients*events)
	}
}

func TestAFullValkeyRefusesEventsAtOnceAndRecovers(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	a := newAPI(t, env)
	a.counted(acme(1, ""))
	limit := func(bytes string) {
		t.Helper()
		if err := env.Valkey.ConfigSet(t.Context(), "maxmemory", bytes).Err(); err != nil {
			t.Fatal(err)
		}
	}
	before := a.state()
	limit("1")
	calls := a.calls()
	p := a.refused(a.post(jsonType, acme(2, `,"id":"e2"`)), 503, "unavailable")
	if !strings.Contains(p.Detail, "full") || a.calls() != calls+1 {
		t.Errorf("detail %q after %d calls, want one", p.Detail, a.calls()-calls)
	}
	a.unchanged(before)
	if got := a.total("acme"); got != 1 {
		t.Errorf("while full: %d tokens, want 1", got)
	}
	limit("0")
	a.counted(acme(2, `,"id":"e2"`))
	if got := a.total("acme"); got != 3 {
		t.Errorf("%d tokens, want 3", got)
	}
}

func TestWithoutPostgresEventsAreAccepted(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	a := newAPI(t, env, func(s *setup) { s.autoCreate = true })
	a.counted(acme(1, ""))
	env.Stack.Postgres.Kill()

	if got := a.counted(acme(10, "")); got.Usage[0].TotalTokens != 11 || got.Usage[0].Stale {
		t.Errorf("got %+v, want 11 tokens", got)
	}
	// It knows all that is settled for as long as Valkey keeps what it has settled.
	a.clock.Advance(31 * time.Second)
	if got := a.counted(acme(100, "")); got.Usage[0].TotalTokens != 111 || !got.Usage[0].Stale {
		t.Errorf("31 s later: %+v, want 111 tokens, stale", got)
	}
	if r := a.get("/usage/acme"); !strings.Contains(r.body, `"totalTokens":111`) ||
		!strings.Contains(r.body, `"stale":true`) {
		t.Errorf("GET: %d %s, want 111 tokens, stale", r.status, r.body)
	}
	if r := a.get("/readyz"); r.status != http.StatusOK ||
		!strings.Contains(r.body, `"postgres":"away"`) {
		t.Errorf("/readyz: %d %s", r.status, r.body)
	}
	a.refused(a.post(jsonType, `[`+acme(1, "")+`,{"tenant":"new","feature":"x","tokens":1}]`), 503,
		"unavailable")

	// A process that starts now knows the tenants from the copy in Valkey.
	a.stop()
	b := startAPI(t, env)
	if got := b.counted(acme(1000, "")); got.Usage[0].TotalTokens != 1111 || !got.Usage[0].Stale {
		t.Errorf("after a restart: %+v, want 1111 tokens, stale", got)
	}
	b.refused(b.post(jsonType, `{"tenant":"gone","feature":"x","tokens":1}`), 404, "unknown-tenant")
	b.refused(b.post(jsonType, `{"tenant":"nobody","feature":"x","tokens":1}`), 404, "unknown-tenant")

	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := b.get("/usage/acme"); !strings.Contains(r.body, `"totalTokens":1111`) ||
		!strings.Contains(r.body, `"stale":false`) {
		t.Errorf("with Postgres again: %d %s", r.status, r.body)
	}
}

// BenchmarkAnswerWithoutValkey measures how long a client waits for its 503 while Valkey is away:
// patience, and the last attempt that began within it.
//
//	go test ./ingest -run '^$' -bench AnswerWithoutValkey -benchtime 3x
func BenchmarkAnswerWithoutValkey(b *testing.B) {
	env := stacktest.Own(b)
	a := newAPI(b, env)
	a.counted(acme(1, ""))
	env.Stack.Valkey.Kill()
	for b.Loop() {
		a.refused(a.post(jsonType, acme(1, "")), 503, "unavailable")
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/answer")
}
