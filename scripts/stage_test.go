package scripts

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// part is a part of a large request: counters, with a line and an id for each.
func part(name string, counters ...Counter) StagedPart {
	p := StagedPart{Counters: counters}
	var lines []string
	for i := range counters {
		lines = append(lines, fmt.Sprint("line ", name, i))
		p.IDs = append(p.IDs, EventID{"acme", fmt.Sprint(name, i), "content"})
	}
	p.Lines = []byte(strings.Join(lines, "\n"))
	return p
}

// stagePart stores a part, which must not be refused.
func (r *rig) stagePart(s *Staged, p StagedPart) {
	r.Helper()
	seen, ok, err := r.Stage(r.Context(), 0, s, p, window)
	if err != nil || !ok || len(seen) > 0 {
		r.Fatalf("stage: seen %v, %t, %v", seen, ok, err)
	}
}

// staged is the next group, of what is stored in s.
func (r *rig) staged(s *Staged, counters ...Counter) Group {
	g := r.group(counters...)
	g.Lines, g.Staged = nil, s
	return g
}

func TestAStagedRequestIsSeenWhenItIsSealed(t *testing.T) {
	r := newRig(t)
	r.add(chat(5))
	s := NewStaged()
	first, second := part("a", chat(1), lateChat(40, 2)), part("b", chat(3))
	r.stagePart(s, first)
	s.Parts-- // the reply is lost
	r.stagePart(s, first)
	r.stagePart(s, second)
	if got := r.tokens("acme"); got != 5 {
		t.Errorf("%d tokens before it is sealed, want 5", got)
	}
	all := append(slices.Clone(first.Counters), second.Counters...)
	g := r.staged(s, all...)
	r.ingest(g)
	after := r.dump()
	r.ingest(g) // the reply is lost
	r.same(after)
	if got := r.tokens("acme"); got != 11 {
		t.Errorf("%d tokens, want 11", got)
	}
	if after["fm:{0}:staged"] != "" || after["fm:{0}:accepted"] != "string: 4" || after["fm:{0}:changed"] != "zset: 0=acme" {
		t.Errorf("staged %q, accepted %q, changed %q", after["fm:{0}:staged"], after["fm:{0}:accepted"], after["fm:{0}:changed"])
	}
	sealed := r.seal(now + 1)
	if got := ids(sealed.Raw); len(got) != 2 || got[0] != s.Raw {
		t.Errorf("raw batches %v, want %s first", got, s.Raw)
	}
	if got := r.lines(s.Raw); !slices.Equal(got, []string{string(first.Lines), string(second.Lines)}) {
		t.Errorf("lines %q", got)
	}
	sum := r.sum(s.Sum)
	wantMinutes := map[MinuteKey]meter.Amounts{{"acme", "chat", now}: {4, 2}, {"acme", "chat", now - 40}: {2, 1}}
	if fmt.Sprint(sum.Minutes) != fmt.Sprint(wantMinutes) || sum.Days[DayKey{"acme", today, "chat"}] != (meter.Amounts{6, 3}) {
		t.Errorf("the sum batch holds %+v", sum)
	}
}

func TestIDsOfAStagedRequestCountOnceItDoes(t *testing.T) {
	r := newRig(t)
	p := part("a", chat(1), chat(2))
	other := func() Seen { // what another request with the first id is told
		g := r.group(chat(1))
		g.IDs = p.IDs[:1]
		out := r.try(g)
		if len(out.Seen) != 1 {
			return Seen{Index: -1}
		}
		return out.Seen[0]
	}
	s := NewStaged()
	r.stagePart(s, p)
	if got := other(); !got.OnItsWay {
		t.Errorf("while it is on its way: %+v", got)
	}
	if err := r.Unstage(t.Context(), 0, s); err != nil {
		t.Fatal(err)
	}
	if out := r.try(r.staged(s, p.Counters...)); !out.Unstaged {
		t.Errorf("a request that was given up is sealed: %+v", out)
	}
	s = NewStaged()
	r.stagePart(s, p) // its ids count for nothing now
	r.ingest(r.staged(s, p.Counters...))
	if got := other(); !got.Same || got.OnItsWay {
		t.Errorf("after it is counted: %+v", got)
	}
	if err := r.Unstage(t.Context(), 0, s); err != nil {
		t.Fatal(err)
	}
	if got := r.tokens("acme"); got != 3 {
		t.Errorf("%d tokens after a counted request was given up, want 3", got)
	}
	// A part with ids that were seen stores nothing.
	again := NewStaged()
	seen, ok, err := r.Stage(t.Context(), 0, again, part("a", chat(1)), window)
	if err != nil || !ok || !slices.Equal(seen, []Seen{{Index: 0, Same: true}}) || again.Parts != 0 {
		t.Errorf("seen %v, %t, %v after %d parts", seen, ok, err, again.Parts)
	}
}

func TestAStagedRequestThatLostAPartIsBegunAnew(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name string
		lose func(s *Staged)
	}{
		{"its events", func(s *Staged) { r.client.Del(t.Context(), rawPrefix(0)+s.Raw) }},
		{"a part", func(s *Staged) { r.client.RPop(t.Context(), rawPrefix(0)+s.Raw) }},
		{"its state", func(s *Staged) { r.client.Del(t.Context(), requestPrefix(0)+s.Token) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewStaged()
			r.stagePart(s, part(c.name+"a", chat(1)))
			r.stagePart(s, part(c.name+"b", chat(1)))
			c.lose(s)
			if out := r.try(r.staged(s, chat(2))); !out.Unstaged {
				t.Errorf("sealed: %+v", out)
			}
			if _, ok, err := r.Stage(t.Context(), 0, s, part(c.name+"c", chat(1)), window); ok || err != nil {
				t.Errorf("a third part is stored: %v", err)
			}
		})
	}
}

// What a process that crashed has left is deleted by the next large request of anybody.
func TestAnAbandonedRequestIsDeleted(t *testing.T) {
	r := newRig(t)
	abandoned := NewStaged()
	r.stagePart(abandoned, part("a", chat(1)))
	long := float64(time.Now().Add(-2 * stagedFor).UnixMilli())
	if err := r.client.ZAdd(t.Context(), stagedKey(0), redisZ(long, abandoned.pair())).Err(); err != nil {
		t.Fatal(err)
	}
	r.stagePart(NewStaged(), part("b", chat(1)))
	dump := r.dump()
	for _, key := range []string{rawPrefix(0) + abandoned.Raw, sumPrefix(0) + abandoned.Sum} {
		if dump[key] != "" {
			t.Errorf("%s is left", key)
		}
	}
	if strings.Contains(dump[stagedKey(0)], abandoned.Raw) {
		t.Errorf("staged: %s", dump[stagedKey(0)])
	}
}

// stat is a number of a section of INFO.
func (r *rig) stat(section, name string) int64 {
	r.Helper()
	info, err := r.client.Info(r.Context(), section).Result()
	if err != nil {
		r.Fatal(err)
	}
	m := regexp.MustCompile(name + `:(\d+)`).FindStringSubmatch(info)
	if m == nil {
		r.Fatalf("INFO %s has no %s", section, name)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

// spread are counters of one tenant in so many features and days, a token each.
func spread(features, days int) []Counter {
	var all []Counter
	for f := range features {
		for d := range days {
			c := lateChat(int64(10+1440*d), 1)
			c.Day, c.Feature = today-meter.Day(d), fmt.Sprint("feature-", f)
			all = append(all, c)
		}
	}
	return all
}

// However many counters a tenant has, one more costs the same: in bytes of the append-only file,
// which grow with all that is copied, and in memory.
func TestWorkIsLinearInCounters(t *testing.T) {
	for _, c := range []struct {
		name     string
		features int
		add      func(r *rig, counters []Counter)
		most     int64 // bytes of append-only file an event
	}{
		// A chunk of the index is rewritten with each event: 1 kB on average.
		{"an event a call", 60, func(r *rig, counters []Counter) {
			for i := range counters {
				r.add(counters[i])
			}
		}, 3000},
		{"in parts", 280, func(r *rig, counters []Counter) {
			s := NewStaged()
			for some := range slices.Chunk(counters, 300) {
				r.stagePart(s, part(fmt.Sprint(s.Token, "-", s.Parts, "-"), some...))
			}
			r.ingest(r.staged(s, counters...))
		}, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ownRig(t)
			if err := r.client.ConfigSet(t.Context(), "appendfsync", "no").Err(); err != nil {
				t.Fatal(err)
			}
			few, many := spread(20, 33), spread(c.features, 33)
			written := func() int64 { return r.stat("persistence", "aof_current_size") }
			start := written()
			c.add(r, few)
			perEvent := (written() - start) / int64(len(few))
			start = written()
			c.add(r, many[len(few):])
			later := (written() - start) / int64(len(many)-len(few))
			t.Logf("%d bytes an event for the first %d counters, %d for the next %d", perEvent, len(few), later, len(many)-len(few))
			if later > c.most || later > 2*perEvent {
				t.Errorf("%d bytes of append-only file an event, want at most %d, and twice the %d of the first", later, c.most, perEvent)
			}
			if got := r.tokens("acme"); got != int64(c.features) {
				t.Errorf("%d tokens today, want %d", got, c.features)
			}
			if got := len(r.features(Query{Tenants: []meter.TenantDays{{Tenant: "acme", From: today - 5, To: today + 1}}})[0]); got != c.features {
				t.Errorf("%d features, want %d", got, c.features)
			}
		})
	}
}
