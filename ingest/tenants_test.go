package ingest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// listed is the answer to GET /tenants.
type listed struct {
	Tenants []struct {
		Tenant      string
		TotalTokens int64
		Sparkline   []int64
		Archived    bool
	}
	Matching int
	Next     *string
	Totals   struct {
		Tenants, OverQuota, NearQuota int
		TotalTokens                   int64
		EventsPerSecond               float64
	}
	Stale bool
}

func (l listed) names() []string {
	names := []string{}
	for _, t := range l.Tenants {
		names = append(names, t.Tenant)
	}
	return names
}

// list is GET /tenants with a query.
func (a *api) list(query string) listed {
	a.Helper()
	r := a.get("/tenants" + query)
	var l listed
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || r.status != 200 {
		a.Fatalf("GET /tenants%s: %d %.400s, %v", query, r.status, r.body, err)
	}
	return l
}

// addQuota adds a tenant with a quota and uses some of it.
func (a *api) addQuota(name string, quota, used int64) {
	a.Helper()
	if _, err := a.env.DB.Exec("INSERT INTO tenants (name, monthly_quota) VALUES ($1, "+
		"nullif($2::bigint, 0))", name, quota); err != nil {
		a.Fatal(err)
	}
	if err := a.live.Refresh(a.Context()); err != nil {
		a.Fatal(err)
	}
	if used > 0 {
		a.counted(fmt.Sprintf(`{"tenant":%s,"feature":"chat","tokens":%d}`, quoted(name), used))
	}
}

func TestARowOfTheTenants(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted(acme(3501, ""))
	r := a.get("/tenants?limit=1")
	want := fmt.Sprintf(`{"asOf":"2026-08-01T12:00:00.123456789Z","stale":false,"matching":2,"next":%q,
		"totals":{"tenants":2,"totalTokens":3501,"overQuota":0,"nearQuota":0,"eventsPerSecond":0},"tenants":[
		{"tenant":"acme","totalTokens":3501,"quota":1000000,"quotaPercent":0.35,"remaining":996499,
		"periodStart":"2026-08-01T00:00:00Z","periodEnd":"2026-09-01T00:00:00Z","stale":false,"thresholds":[80],"timezone":"UTC",
		"perDay":7002,"projectedTokens":217062,"exhaustedAt":null,"sparkline":[%s3501]}]}`, *a.list("?limit=1").Next, strings.Repeat("0,", 59))
	if r.status != 200 || !sameJSON(t, r.body, want) {
		t.Errorf("%d\n got %s\nwant %s", r.status, r.body, want)
	}
}

func TestTenantsInEveryOrder(t *testing.T) {
	a := newAPI(t, stacktest.New(t)) // acme: 1,000,000; free: no quota; gone: archived
	a.addQuota("big", 10_000, 9_000)
	a.addQuota("small", 1_000, 900)
	a.addQuota("over", 100, 250)
	a.addQuota("none", 0, 5_000)
	for sort, want := range map[string]string{
		"":                "over big small acme free none",
		"?sort=-percent":  "over big small acme free none",
		"?sort=percent":   "acme big small over free none",
		"?sort=name":      "acme big free none over small",
		"?sort=-name":     "small over none free big acme",
		"?sort=-used":     "big none small over acme free",
		"?sort=used":      "acme free over small none big",
		"?sort=-quota":    "acme big small over free none",
		"?sort=quota":     "over small big acme free none",
		"?sort=-pace":     "big none small over acme free",
		"?sort=projected": "acme free over small none big",
		"?sort=exhausted": "big small acme free none over", // over is exhausted already
	} {
		if got := strings.Join(a.list(sort).names(), " "); got != want {
			t.Errorf("%s: %s, want %s", sort, got, want)
		}
		// Page by page it is the same.
		for size := 1; size <= 3; size++ {
			query, paged := fmt.Sprintf("?limit=%d%s", size, strings.Replace(sort, "?", "&", 1)), []string{}
			for next := query; ; {
				l := a.list(next)
				if l.Matching != 6 || len(l.Tenants) > size {
					t.Fatalf("%s: %d tenants, %d matching", next, len(l.Tenants), l.Matching)
				}
				paged = append(paged, l.names()...)
				if l.Next == nil {
					break
				}
				next = query + "&cursor=" + *l.Next
			}
			if got := strings.Join(paged, " "); got != want {
				t.Errorf("%s, %d a page: %s, want %s", sort, size, got, want)
			}
		}
	}
	totals := a.list("?q=nobody").Totals
	if totals.Tenants != 6 || totals.OverQuota != 1 || totals.NearQuota != 2 ||
		totals.TotalTokens != 15_150 {
		t.Errorf("totals are %+v", totals)
	}
}

func TestTenantsByNameAndArchived(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.addTenants("Ärger GmbH", "<img src=x onerror=alert(1)>", strings.Repeat("ש", 128))
	for q, want := range map[string][]string{
		"ärger":                  {"Ärger GmbH"},
		"IMG SRC":                {"<img src=x onerror=alert(1)>"},
		strings.Repeat("ש", 128): {strings.Repeat("ש", 128)},
		"%":                      {},
		"e":                      {"<img src=x onerror=alert(1)>", "acme", "free", "Ärger GmbH"},
	} {
		got := a.list("?sort=name&q=" + url.QueryEscape(q)).names()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("q=%s: %q, want %q", q, got, want)
		}
	}
	if got := a.list("?archived=true&q=gone"); len(got.Tenants) != 1 || !got.Tenants[0].Archived {
		t.Errorf("archived: %+v", got.Tenants)
	}
	if got := a.list("?q=gone&archived=false"); len(got.Tenants) != 0 {
		t.Errorf("not archived: %+v", got.Tenants)
	}
}

// The rate is of what all processes have acknowledged; nobody has to ask meanwhile.
func TestEventsPerSecond(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	refresh := func() {
		t.Helper()
		if err := a.live.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.counted("[" + acme(1, `,"id":"a"`) + "," + acme(1, `,"id":"b"`) + "]")
	a.counted(acme(1, `,"id":"a"`)) // a duplicate
	a.clock.Advance(4 * time.Second)
	refresh()
	if got := a.list("").Totals.EventsPerSecond; got != 0.5 {
		t.Errorf("%v events a second, want 2 in 4 s", got)
	}
	for range 20 {
		a.clock.Advance(time.Second)
		refresh()
	}
	if got := a.list("").Totals.EventsPerSecond; got != 0 {
		t.Errorf("%v events a second after 20 s of silence", got)
	}
}

func TestTenantsOfSeveralShards(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.shards = 4 })
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("customer-%02d", i))
	}
	a.addTenants(names...)
	for i, name := range names {
		a.counted(fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d}`, name, i+1))
	}
	l := a.list("?sort=-used&q=customer")
	slices.Reverse(names)
	if !slices.Equal(l.names(), names) || l.Totals.TotalTokens != 210 {
		t.Errorf("got %v, %d tokens", l.names(), l.Totals.TotalTokens)
	}
	for i, row := range l.Tenants {
		if want := int64(20 - i); row.TotalTokens != want || row.Sparkline[59] != want {
			t.Errorf("%s: %d tokens, sparkline ends in %d, want %d", row.Tenant, row.TotalTokens,
				row.Sparkline[59], want)
		}
	}
	r := a.get("/usage/customer-07/series?step=hour&from=2026-08-01T12:00:00Z")
	if !strings.Contains(r.body, `"points":[{"start":"2026-08-01T12:00:00Z","tokens":8,"events":1}]`) {
		t.Errorf("series of customer-07: %s", r.body)
	}
}
