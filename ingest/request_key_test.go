package ingest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestARequestSentAgainUnderItsKeyCountsOnce(t *testing.T) {
	a := keyed(t)
	a.wantKeyed("k1", jsonType, threeEvents, 3, 0, 2)
	if n := a.remembered(0); n != 1 {
		t.Errorf("%d ids are remembered, want 1", n)
	}
	a.wantKeyed("k1", jsonType, threeEvents, 0, 3, 2)
	a.wantKeyed(`"k1"`, ndjsonType, sameAsLines, 0, 3, 2)
	a.clock.Advance(1000)
	a.wantKeyed("k1", jsonType, threeEvents, 0, 3, 2) // it arrives at another time
	if got := a.metrics()["ingest_seen_ids_total"]; got != 9 {
		t.Errorf("the metric says %v events were seen before, want 9", got)
	}
	a.wantKeyed("k2", jsonType, threeEvents, 3, 0, 4)
	a.flushed("free", 2)
}

func TestAKeyForAnotherRequestIsAConflict(t *testing.T) {
	a := keyed(t)
	a.wantKeyed("k", jsonType, `[`+acme(1, `,"id":"e1"`)+`,`+acme(2, "")+`]`, 2, 0, 3)
	before := a.state()
	for name, body := range map[string]string{
		"tokens":         `[` + acme(1, `,"id":"e1"`) + `,` + acme(3, "") + `]`,
		"order":          `[` + acme(2, "") + `,` + acme(1, `,"id":"e1"`) + `]`,
		"one more":       `[` + acme(1, `,"id":"e1"`) + `,` + acme(2, "") + `,` + acme(2, "") + `]`,
		"without the id": `[` + acme(1, "") + `,` + acme(2, "") + `]`,
		"another id":     `[` + acme(1, `,"id":"e2"`) + `,` + acme(2, "") + `]`,
		"a timestamp": `[` + acme(1, `,"id":"e1"`) + `,` +
			acme(2, `,"timestamp":"2026-08-01T12:00:00Z"`) + `]`,
		"a feature": `[` + acme(1, `,"id":"e1"`) + `,{"tenant":"acme","feature":"x","tokens":2}]`,
		"a tenant":  `[` + acme(1, `,"id":"e1"`) + `,{"tenant":"free","feature":"chat","tokens":2}]`,
		"one event": acme(1, `,"id":"e1"`),
	} {
		t.Run(name, func(t *testing.T) {
			a := a.in(t)
			p := a.refused(a.postKeyed("k", jsonType, body), http.StatusConflict, "idempotency-key-conflict")
			if len(p.Errors) > 0 {
				t.Errorf("the problem is about events: %+v", p.Errors)
			}
			a.unchanged(before)
		})
	}
}

// Ids of events do their work beside the key of the request.
func TestIDsInARequestWithAKey(t *testing.T) {
	a := keyed(t)
	e1, e2 := acme(1, `,"id":"e1"`), acme(2, `,"id":"e2"`)
	a.counted(e1)
	a.wantKeyed("k", jsonType, `[`+e1+`,`+e2+`,`+e2+`]`, 1, 2, 3)
	a.wantKeyed("k", jsonType, `[`+e1+`,`+e2+`,`+e2+`]`, 0, 3, 3)
	a.wantKeyed("other", jsonType, `[`+e2+`,`+e2+`,`+acme(4, "")+`]`, 1, 2, 7)
	if got := a.counted(e2); got.Duplicates != 1 {
		t.Errorf("an event of the request by itself: %+v, want a duplicate", got)
	}
	a.refused(a.postKeyed("third", jsonType, `[`+acme(9, `,"id":"e1"`)+`,`+e2+`]`),
		http.StatusConflict, "id-conflict")
	// the key of a refused request is free
	a.wantKeyed("third", jsonType, `[`+e1+`,`+acme(8, "")+`]`, 1, 1, 15)

	// A request whose events were all counted before is remembered too.
	a.wantKeyed("all", jsonType, `[`+e1+`,`+e2+`]`, 0, 2, 15)
	a.refused(a.postKeyed("all", jsonType, `[`+acme(5, "")+`,`+e2+`]`), http.StatusConflict,
		"idempotency-key-conflict")
	if n := a.remembered(0); n != 2+4 {
		t.Errorf("%d ids are remembered, want those of 2 events and 4 requests", n)
	}
	a.flush()
	var places []string
	if err := a.env.DB.Select(&places,
		`SELECT request_key || ' ' || request_place || ' ' || request_scope || ' ' || tokens
		FROM events WHERE request_key IS NOT NULL ORDER BY 1`); err != nil {
		t.Fatal(err)
	}
	if want := []string{"k 2 d 2", "other 3 d 4", "third 2 d 8"}; !slices.Equal(places, want) {
		t.Errorf("places %q, want %q", places, want)
	}
}

// A key belongs to the tenant that the credential is bound to, or to the deployment, and is
// no event's id.
func TestAKeyBelongsToItsNameSpace(t *testing.T) {
	a := guarded(t)
	a.flush()
	acmes, again := a.as(a.newKey("ingest", "acme")), a.as(a.newKey("ingest", "acme"))
	frees, all := a.as(a.newKey("ingest", "free")), a.as(a.newKey("ingest", ""))
	two := func(tenant string) string {
		return strings.ReplaceAll(`[{"tenant":"T","feature":"chat","tokens":1},{"tenant":"T","feature":"chat","tokens":2}]`, "T", tenant)
	}
	acmes.wantKeyed("k", jsonType, two("acme"), 2, 0, 3)
	frees.wantKeyed("k", jsonType, two("free"), 2, 0, 3)
	all.wantKeyed("k", jsonType, two("acme"), 2, 0, 6)
	again.wantKeyed("k", jsonType, two("acme"), 0, 2, 6) // keys of the API are exchanged
	all.refused(all.postKeyed("k", jsonType, two("free")), http.StatusConflict,
		"idempotency-key-conflict")
	all.counted(acme(4, `,"id":"k"`))
	acmes.wantKeyed("k", jsonType, acme(4, ""), 0, 1, 10) // of one event it is the id, as ever
	acmes.wantKeyed("only", jsonType, acme(4, ""), 1, 0, 14)
	acmes.wantKeyed("only", jsonType, two("acme"), 2, 0, 17)
	if got := all.counted(acme(4, `,"id":"only"`)); got.Duplicates != 1 {
		t.Errorf("the header of one event is no id: %+v", got)
	}
	a.flush()
	var scopes []string
	if err := a.env.DB.Select(&scopes,
		"SELECT DISTINCT request_scope || ' ' || tenant FROM events WHERE request_key = 'k' ORDER BY "+
			"1"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"d acme", "t acme", "t free"}; !slices.Equal(scopes, want) {
		t.Errorf("name spaces %q, want %q", scopes, want)
	}
}

func TestIdenticalRequestsWithAKeyAtOnceCountOnce(t *testing.T) {
	a := keyed(t)
	const requests = 60
	var accepted, conflicts atomic.Int64
	together(requests, func(i int) {
		body := `[` + acme(7, "") + `,` + acme(7, "") + `]`
		if i%3 == 0 { // or another one, under the same key
			body = `[` + acme(7, "") + `,` + acme(7, "") + `,` + acme(7, "") + `]`
		}
		r, err := a.tryKeyed("k", jsonType, body)
		switch {
		case err == nil && r.status == http.StatusOK:
			accepted.Add(int64(a.read(r).Accepted))
		case err == nil && r.status == http.StatusConflict:
			conflicts.Add(1)
		default:
			t.Errorf("%d %s, %v", r.status, r.body, err)
		}
	})
	if n, c := accepted.Load(), conflicts.Load(); !(n == 2 && c == requests/3 || n == 3 &&
		c == requests*2/3) {
		t.Errorf("%d events were accepted and %d requests conflict", n, c)
	}
	if got := a.total("acme"); got != 7*accepted.Load() {
		t.Errorf("%d tokens, want 7 for each of %d events", got, accepted.Load())
	}
}

// A key that was put back stands for any content, also of events whose ids are still known.
func TestAKeyForAnyContentSpeaksForItsEvents(t *testing.T) {
	a := keyed(t)
	a.counted(acme(7, `,"id":"e1"`))
	back := scripts.Group{Committer: "recovery", Number: 1,
		IDs: []scripts.EventID{scripts.RequestKey("", "k", scripts.AnyContent)}}
	if _, _, err := a.valkey.Ingest(t.Context(), 0, back, time.Hour, scripts.Query{}); err != nil {
		t.Fatal(err)
	}
	a.wantKeyed("k", jsonType, `[`+acme(8, `,"id":"e1"`)+`,`+acme(9, "")+`]`, 0, 2, 7)
}

// Large requests are stored in parts, of which the first has the key.
func TestALargeRequestWithAKeyCountsOnce(t *testing.T) {
	a := keyed(t)
	const events = 4000
	withoutIDs := func(tokens int) string {
		var b strings.Builder
		for line := range strings.Lines(backfill("free", "x", events)) {
			before, after, _ := strings.Cut(line, `"id"`)
			_, after, _ = strings.Cut(after, `,`)
			b.WriteString(strings.Replace(before, `"tokens":1`, fmt.Sprintf(`"tokens":%d`, tokens), 1) +
				after)
		}
		return b.String()
	}
	body := withoutIDs(1)
	var accepted atomic.Int64
	together(4, func(int) {
		for {
			r, err := a.tryKeyed("k", ndjsonType, body)
			if err == nil && r.status == http.StatusServiceUnavailable {
				continue // another one is on its way
			}
			if err != nil || r.status != http.StatusOK {
				t.Errorf("%d %s, %v", r.status, r.body, err)
				return
			}
			got := a.read(r)
			accepted.Add(int64(got.Accepted))
			if got.Accepted+got.Duplicates != events {
				t.Errorf("accepted %d and %d duplicates of %d", got.Accepted, got.Duplicates, events)
			}
			return
		}
	})
	if accepted.Load() != events || a.remembered(0) != 1 {
		t.Errorf("%d accepted and %d ids remembered, want %d and 1", accepted.Load(), a.remembered(0),
			events)
	}
	if got := a.metrics()["ingest_seen_ids_total"]; got < 3*events {
		t.Errorf("the metric says %v events were seen before, want %d or more", got, 3*events)
	}
	before := a.state()
	a.refused(a.postKeyed("k", ndjsonType, withoutIDs(2)), http.StatusConflict,
		"idempotency-key-conflict")
	a.unchanged(before)

	// Half of it was counted before, by ids.
	a.read(a.post(ndjsonType, backfill("free", "y", events/2)))
	for _, want := range [][2]int{{events / 2, events / 2}, {0, events}} {
		r := a.postKeyed("half", ndjsonType, backfill("free", "y", events))
		if got := a.read(r); got.Accepted != want[0] || got.Duplicates != want[1] {
			t.Errorf("%+v, want %d", got, want)
		}
	}
	// All of it was: nothing is stored in parts, and the key is remembered.
	r := a.postKeyed("all", ndjsonType, backfill("free", "y", events))
	if got := a.read(r); got.Duplicates != events {
		t.Errorf("%+v, want duplicates only", got)
	}
	a.refused(a.postKeyed("all", ndjsonType, body), http.StatusConflict, "idempotency-key-conflict")
	a.flushed("free", 2*events)
}

// With several shards each part of a request is counted by itself: what is missing of a request is
// counted when it is sent again.
func TestARequestThatFailsInAShardIsCompletedUnderItsKey(t *testing.T) {
	a := keyed(t, func(s *setup) { s.shards = 3 })
	names := map[int]string{}
	for i := 0; len(names) < 3; i++ {
		name := fmt.Sprint("tenant-", i)
		if shard := scripts.ShardOf(name, 3); names[shard] == "" {
			names[shard] = name
			a.addTenants(name)
		}
	}
	a.set(names[1], "monthly_quota = 5, enforce = 'strict'")
	body := "["
	for i := range 6 { // 2 events and 3 tokens each
		body += fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d},`, names[i%3], 1+i/3)
	}
	body = strings.TrimSuffix(body, ",") + "]"
	a.counted(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":4}`, names[1]))
	a.refused(a.postKeyed("k", jsonType, body), http.StatusPaymentRequired, "quota-exceeded")
	for shard, want := range []int64{3, 4, 3} {
		if got := a.total(names[shard]); got != want {
			t.Errorf("shard %d: %d tokens after the first attempt, want %d", shard, got, want)
		}
	}
	a.flush()
	a.set(names[1], "enforce = 'off'")
	a.wantKeyed("k", jsonType, body, 2, 4, 3)
	a.wantKeyed("k", jsonType, body, 0, 6, 3)
	for shard, want := range []int64{3, 7, 3} {
		if got := a.total(names[shard]); got != want {
			t.Errorf("shard %d: %d tokens, want %d", shard, got, want)
		}
	}
	// A conflict is found where both requests touch a shard.
	one := fmt.Sprintf(`[{"tenant":%q,"feature":"chat","tokens":1},{"tenant":%[1]q,"feature":"chat","tokens":1}]`, names[0])
	a.refused(a.postKeyed("k", jsonType, one), http.StatusConflict, "idempotency-key-conflict")
	a.flush()
	var rows string
	if err := a.env.DB.Get(&rows,
		`SELECT string_agg(request_place || request_scope, ' ' ORDER BY request_place) FROM events
			WHERE request_key = 'k'`); err != nil {
		t.Fatal(err)
	}
	if rows != "1s 2s 3s 4s 5s 6s" {
		t.Errorf("places %q, want each once", rows)
	}
}

// While a flusher of the version before is at work, requests with a key are refused, and others
// are not.
func TestKeysWaitForFlushersThatReadThem(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	body := `[` + acme(1, "") + `,` + acme(2, "") + `]`
	unread := func(when string) {
		t.Helper()
		before := a.state()
		if p := a.refused(a.postKeyed("k", jsonType, body), http.StatusServiceUnavailable,
			"unavailable"); !strings.Contains(p.Detail, "flusher") {
			t.Errorf("%s: the problem does not name the reason: %s", when, p.Detail)
		}
		a.unchanged(before)
	}
	unread("before the first flusher")
	a.counted(body)
	a.wantKeyed("single", jsonType, acme(4, ""), 1, 0, 7)
	a.flush()
	a.wantKeyed("k", jsonType, body, 2, 0, 10)
	a.wantKeyed("k2", jsonType, body, 2, 0, 13) // no flusher has worked since

	// What seal.lua and drop.lua of the version before do to the position.
	if err := a.env.Valkey.Incr(a.Context(), "fm:{0}:seq").Err(); err != nil {
		t.Fatal(err)
	}
	unread("after an older flusher has worked")
	a.wantKeyed("k", jsonType, acme(1, ""), 1, 0, 14)
	together(20, func(i int) { // requests with and without key share groups
		var r response
		var err error
		if want := http.StatusOK; i%2 == 0 {
			r, err = a.tryKeyed(fmt.Sprint("mixed-", i), jsonType, body)
			want = http.StatusServiceUnavailable
			if err != nil || r.status != want {
				t.Errorf("with a key: %d %s, %v", r.status, r.body, err)
			}
		} else if r, err = a.do("POST", "/events", jsonType, strings.NewReader(body)); err != nil ||
			r.status != want {
			t.Errorf("without a key: %d %s, %v", r.status, r.body, err)
		}
	})
	large := backfill("free", "x", 4000)
	a.refused(a.postKeyed("large", ndjsonType, large), http.StatusServiceUnavailable, "unavailable")
	a.flush()
	if got := a.read(a.postKeyed("large", ndjsonType, large)); got.Accepted != 4000 {
		t.Errorf("%+v, want 4000 accepted", got)
	}
	a.wantKeyed("mixed-0", jsonType, body, 2, 0, 14+30+3)
}
