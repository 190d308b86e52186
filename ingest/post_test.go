package ingest

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestPostAnswersWithTheUsage(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const acmeUsage = `{"tenant":"acme","totalTokens":%d,"quota":1000000,"quotaPercent":%s,"remaining":%d,` +
		`"periodStart":"2026-08-01T00:00:00Z","periodEnd":"2026-09-01T00:00:00Z","stale":false}`
	const freeUsage = `{"tenant":"free","totalTokens":%d,"quota":null,"quotaPercent":null,"remaining":null,` +
		`"periodStart":"2026-08-01T00:00:00Z","periodEnd":"2026-09-01T00:00:00Z","stale":false}`
	free := `{"tenant":"free","feature":"chat","tokens":5}`
	for _, c := range []struct{ name, contentType, body, want string }{
		{"one", jsonType, acme(1500, ""), `{"accepted":1,"duplicates":0,"usage":[` +
			fmt.Sprintf(acmeUsage, 1500, "0.15", 998500) + `]}`},
		{"an array", jsonType, "[" + acme(1, "") + "," + free + "," + acme(2, "") + "]",
			`{"accepted":3,"duplicates":0,"usage":[` + fmt.Sprintf(acmeUsage, 1503, "0.15", 998497) + "," +
				fmt.Sprintf(freeUsage, 5) + `]}`},
		{"lines", ndjsonType, free + "\n" + acme(998_497, "") + "\n",
			`{"accepted":2,"duplicates":0,"usage":[` + fmt.Sprintf(freeUsage, 10) + "," +
				fmt.Sprintf(acmeUsage, 1_000_000, "100", 0) + `]}`},
		{"above the quota", jsonType, acme(5_000, ""),
			`{"accepted":1,"duplicates":0,"usage":[` + fmt.Sprintf(acmeUsage, 1_005_000, "100.5", 0) + `]}`},
	} {
		r := a.post(c.contentType, c.body)
		if r.status != 200 || r.body != c.want {
			t.Errorf("%s: %d\n got %s\nwant %s", c.name, r.status, r.body, c.want)
		}
		if got := r.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: content type %q", c.name, got)
		}
	}
	if got := a.metrics()["ingest_events_total"]; got != 7 {
		t.Errorf("the metric says %v events, want 7", got)
	}
}

func TestUsageIncludesAnEventAtOnce(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted("[" + acme(1500, "") + `,{"tenant":"acme","feature":"image","tokens":2000},` +
		acme(1, "") + "]")
	r := a.get("/usage/acme")
	want := `{"tenant":"acme","minute":"2026-08-01T12:00:00Z","totalTokens":3501,"quotaPercent":0.35,"quota":1000000,"remaining":996499,
		"periodStart":"2026-08-01T00:00:00Z","periodEnd":"2026-09-01T00:00:00Z","asOf":"2026-08-01T12:00:00.123456789Z","stale":false,
		"thresholds":[80],"timezone":"UTC","billingDay":1,"archived":false,"perDay":7002,"projectedTokens":217062,"exhaustedAt":null,
		"features":[{"feature":"image","tokens":2000,"events":1},{"feature":"chat","tokens":1501,"events":2}]}`
	if r.status != 200 || !sameJSON(t, r.body, want) {
		t.Errorf("%d\n got %s\nwant %s", r.status, r.body, want)
	}
}

// sameJSON compares JSON texts but for the order of keys. The numbers of these tests
// are small enough for float64.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestEventsCountOnTheDayTheyHappened(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	// the period's first instant
	a.counted("[" + acme(1, `,"timestamp":"2026-08-01T00:00:00Z"`) + "," +
		acme(10, `,"timestamp":"2026-07-31T23:59:59.999999Z"`) + "," + // and the one before
		acme(100, `,"timestamp":"2026-08-01T11:59:00Z"`) + "]")
	if got := a.total("acme"); got != 101 {
		t.Errorf("%d tokens in August, want 101", got)
	}
}

func TestEventsOfSeveralShardsInOneRequest(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.shards = 4 })
	var names, events []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("customer-%d", i))
		events = append(events,
			fmt.Sprintf(`{"tenant":"customer-%d","feature":"chat","tokens":%d,"id":"e"}`, i, i+1))
	}
	a.addTenants(names...)
	body := "[" + strings.Join(events, ",") + "]"
	if got := a.counted(body); got.Accepted != 40 || got.Duplicates != 0 || len(got.Usage) != 40 {
		t.Errorf("got %+v", got)
	}
	if got := a.counted(body); got.Accepted != 0 || got.Duplicates != 40 || len(got.Usage) != 40 {
		t.Errorf("again: got %+v", got)
	}
	for i, name := range names {
		if got := a.total(name); got != int64(i)+1 {
			t.Errorf("%s has %d tokens, want %d", name, got, i+1)
		}
	}
}

func TestACounterThatIsFullRefusesWhatWouldOverflow(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	minute := arrival.Unix() / 60
	prime := scripts.Group{Committer: "test", Number: 1, Lines: []byte("x"),
		Counters: []scripts.Counter{{
			Minute: minute, Day: meter.DayAt(arrival, time.UTC), Tenant: "acme", Feature: "chat",
			Amounts: meter.Amounts{math.MaxInt64 - 5, 1}}}}
	if _, _, err := a.valkey.Ingest(t.Context(), 0, prime, time.Hour, scripts.Query{}); err != nil {
		t.Fatal(err)
	}
	before := a.state()
	p := a.refused(a.post(jsonType, `[{"tenant":"free","feature":"chat","tokens":1},`+acme(6,
		`,"id":"e"`)+"]"), 422, "overflow")
	if !slices.Equal(p.indexes(), []int{1}) {
		t.Errorf("problem names %v, want event 1", p.indexes())
	}
	a.unchanged(before)
	a.counted(acme(5, `,"id":"e"`))
	if got := a.total("acme"); got != math.MaxInt64 {
		t.Errorf("%d tokens, want 2^63-1", got)
	}
}
