package ingest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// A reply that is lost leaves the committer not knowing whether the group is applied.
func TestAGroupWhoseReplyIsLostCountsOnce(t *testing.T) {
	env := stacktest.New(t)
	p, through := newProxy(t, env.ValkeyURL)
	a := newAPI(t, env, func(s *setup) { s.valkeyURL = through })
	a.counted(acme(1, "")) // the connection is open and the scripts are loaded
	for i, c := range []struct {
		lost int64
		body string
	}{
		{1, acme(10, "")},
		{3, acme(10, "")},
		{1, acme(10, `,"id":"e1"`)},
		{2, "[" + acme(5, `,"id":"e2"`) + "," + acme(5, "") + "]"},
	} {
		p.cutReplies.Store(c.lost)
		p.lost.Store(0)
		got := a.counted(c.body)
		if got.Duplicates != 0 || got.Usage[0].TotalTokens != int64(1+10*(i+1)) {
			t.Errorf("request %d: %+v, want %d tokens", i, got, 1+10*(i+1))
		}
		if lost := p.lost.Load(); lost != c.lost {
			t.Errorf("request %d: %d replies were lost, want %d", i, lost, c.lost)
		}
	}
	if got := a.total("acme"); got != 41 {
		t.Errorf("%d tokens, want 41", got)
	}
	if got := a.metrics()["ingest_retries_total"]; got != 7 {
		t.Errorf("the metric says %v retries, want 7", got)
	}
}

// loseReplies cuts off the reply of about every n-th call, until the function it returns is called.
func (a *api) loseReplies(p *proxy, n int64) (heal func()) {
	var trouble sync.WaitGroup
	done := make(chan struct{})
	trouble.Go(func() {
		for lost := int64(0); ; {
			select {
			case <-done:
				return
			default:
			}
			if calls := int64(a.calls()); calls > n*lost {
				lost++
				p.cutReplies.Store(1)
			}
		}
	})
	return func() {
		close(done)
		trouble.Wait()
		p.cutReplies.Store(0)
	}
}

func TestLostRepliesUnderLoadCountOnce(t *testing.T) {
	env := stacktest.New(t)
	p, through := newProxy(t, env.ValkeyURL)
	a := newAPI(t, env, func(s *setup) { s.valkeyURL = through })
	const clients, requests = 16, 20
	heal := a.loseReplies(p, 2)
	together(clients, func(client int) {
		for i := range requests {
			r, err := a.do("POST", "/events", jsonType,
				strings.NewReader(acme(1, fmt.Sprintf(`,"id":"%d-%d"`, client, i))))
			if err != nil || r.status != 200 || !strings.HasPrefix(r.body, `{"accepted":1,"duplicates":0,`) {
				t.Errorf("%d %s, %v", r.status, r.body, err)
			}
		}
	})
	heal()
	if got := a.total("acme"); got != clients*requests {
		t.Errorf("%d tokens, want %d", got, clients*requests)
	}
	if p.lost.Load() == 0 {
		t.Error("no reply was lost")
	}
}

// A call may lie in a socket until long after its committer has given it up.
func TestACallThatArrivesAfterALaterGroupIsNotApplied(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	p, through := newProxy(t, env.ValkeyURL)
	a := newAPI(t, env, func(s *setup) { s.valkeyURL = through })
	a.counted(acme(1, ""))

	p.holdNext.Store(true)
	a.counted(acme(10, "")) // by a second call, when the first has had its 2 s
	<-p.held
	a.counted(acme(100, ""))
	close(p.release)
	<-p.arrived
	if got := a.total("acme"); got != 111 {
		t.Errorf("%d tokens, want 111", got)
	}
}

// Nor does it know then whether a quota was used up by it.
func TestAQuotaHoldsWhileRepliesAreLost(t *testing.T) {
	const clients, quota = 16, 300
	env := stacktest.New(t)
	p, through := newProxy(t, env.ValkeyURL)
	a := newAPI(t, env, func(s *setup) { s.valkeyURL = through })
	a.set("acme", fmt.Sprintf("monthly_quota = %d, enforce = 'strict'", quota))
	heal := a.loseReplies(p, 3)
	var accepted atomic.Int64
	together(clients, func(int) {
		for {
			r, err := a.do("POST", "/events", jsonType, strings.NewReader(acme(1, "")))
			switch {
			case err == nil && r.status == 200:
				accepted.Add(1)
				continue
			case err != nil || r.status != 402:
				t.Errorf("%d %s, %v", r.status, r.body, err)
			}
			return
		}
	})
	heal()
	if got, total := accepted.Load(), a.total("acme"); got != quota || total != quota {
		t.Errorf("%d tokens are acknowledged and %d counted, want %d", got, total, quota)
	}
	if p.lost.Load() == 0 {
		t.Error("no reply was lost")
	}
}
