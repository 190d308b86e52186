package ingest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestAnEventSentAgainCountsOnce(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const at = `,"id":"e1","timestamp":"2026-08-01T11:59:00Z"`
	for i, want := range []posted{{Accepted: 1}, {Duplicates: 1}, {Duplicates: 1}} {
		got := a.counted(acme(7, at))
		if got.Accepted != want.Accepted || got.Duplicates != want.Duplicates || len(got.Usage) != 1 ||
			got.Usage[0].TotalTokens != 7 {
			t.Errorf("time %d: %+v", i, got)
		}
	}
	got := a.counted("[" + acme(1, "") + "," + acme(7, at) + "," + acme(2, `,"id":"e2"`) + "]")
	if got.Accepted != 2 || got.Duplicates != 1 || got.Usage[0].TotalTokens != 10 {
		t.Errorf("among others: %+v", got)
	}
	if got := a.total("acme"); got != 10 {
		t.Errorf("%d tokens, want 10", got)
	}
	if got := a.metrics()["ingest_events_total"]; got != 3 {
		t.Errorf("the metric says %v events, want 3", got)
	}
}

func TestAnIDTwiceInOneRequestCountsOnce(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	e := acme(7, `,"id":"e1"`)
	if got := a.counted("[" + e + "," + acme(1, "") + "," + e + "," + e + "]"); got.Accepted != 2 ||
		got.Duplicates != 2 || got.Usage[0].TotalTokens != 8 {
		t.Errorf("got %+v", got)
	}
	if got := a.counted("[" + e + "," + e + "]"); got.Accepted != 0 || got.Duplicates != 2 ||
		got.Usage[0].TotalTokens != 8 {
		t.Errorf("again: got %+v", got)
	}
}

func TestAnIDBelongsToItsTenant(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.addTenants("a:b", "a")
	got := a.counted(`[{"tenant":"a:b","feature":"x","tokens":1,"id":"c"},{"tenant":"a","feature":"y","tokens":2,"id":"b:c"},
		{"tenant":"a","feature":"z","tokens":4,"id":"c"}]`)
	if got.Accepted != 3 || got.Duplicates != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAnIDWithOtherContentIsAConflict(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(7, `,"id":"old","timestamp":"2026-08-01T11:59:00Z"`))
	before := a.state()
	old := `{"tenant":"acme","feature":%q,"tokens":%d,"id":"old"%s}`
	fresh := acme(1, `,"id":"fresh"`)
	for _, c := range []struct {
		name, body string
		indexes    []int
	}{
		{"tokens", fmt.Sprintf(old, "chat", 8, `,"timestamp":"2026-08-01T11:59:00Z"`), []int{0}},
		{"feature", fmt.Sprintf(old, "image", 7, `,"timestamp":"2026-08-01T11:59:00Z"`), []int{0}},
		{"timestamp", fmt.Sprintf(old, "chat", 7, `,"timestamp":"2026-08-01T11:59:00.000001Z"`),
			[]int{0}},
		{"no timestamp", fmt.Sprintf(old, "chat", 7, ""), []int{0}},
		{"among fresh ones", "[" + fresh + "," + acme(2, "") + "," + fmt.Sprintf(old, "chat", 8, "") +
			"," + acme(3, `,"id":"f2"`) + "]", []int{2}},
		{"several", "[" + fmt.Sprintf(old, "chat", 8, "") + "," + fresh + "," +
			`{"tenant":"acme","feature":"chat","tokens":9,"id":"fresh"}` + "]", []int{2}},
		{"twice in the request", "[" + fresh + "," + acme(2, `,"id":"fresh"`) + "," + fresh + "," +
			acme(3, `,"id":"fresh"`) + "]", []int{1, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := a.in(t)
			p := a.refused(a.post(jsonType, c.body), 409, "id-conflict")
			if !slices.Equal(p.indexes(), c.indexes) {
				t.Errorf("the problem names %v, want %v: %+v", p.indexes(), c.indexes, p)
			}
			a.unchanged(before)
		})
	}
}

// Requests that arrive together share a group, in which the script sees an id once:
// each of them must still be judged by itself.
func TestIdenticalRequestsAtOnceCountOnce(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const requests = 100
	var accepted, duplicates atomic.Int64
	together(requests, func(int) {
		r, err := a.do("POST", "/events", jsonType, strings.NewReader(acme(7, `,"id":"e1"`)))
		if err != nil || r.status != 200 {
			t.Errorf("%d %s, %v", r.status, r.body, err)
			return
		}
		p := a.read(r)
		accepted.Add(int64(p.Accepted))
		duplicates.Add(int64(p.Duplicates))
		if p.Usage[0].TotalTokens != 7 {
			t.Errorf("an answer says %d tokens", p.Usage[0].TotalTokens)
		}
	})
	if accepted.Load() != 1 || duplicates.Load() != requests-1 {
		t.Errorf("%d accepted, %d duplicates; want 1 and %d", accepted.Load(), duplicates.Load(),
			requests-1)
	}
	if got := a.total("acme"); got != 7 {
		t.Errorf("%d tokens, want 7", got)
	}
}

func TestOfConflictingRequestsAtOnceOneWins(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const requests = 50
	var won atomic.Int64
	together(requests, func(i int) {
		// Each also brings an event of its own, which must share the fate of the other.
		body := "[" + acme(int64(1000+i), `,"id":"e1"`) + "," +
			acme(1_000_000, fmt.Sprintf(`,"id":"own-%d"`, i)) + "]"
		r, err := a.do("POST", "/events", jsonType, strings.NewReader(body))
		switch {
		case err == nil && r.status == 200:
			if !won.CompareAndSwap(0, int64(1000+i)) {
				t.Error("two requests won")
			}
		case err != nil || r.status != 409:
			t.Errorf("%d %s, %v", r.status, r.body, err)
		}
	})
	if got, want := a.total("acme"), won.Load()+1_000_000; got != want {
		t.Errorf("%d tokens, want %d", got, want)
	}
}

// together calls f(0) to f(n-1) at the same time and waits for all.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
