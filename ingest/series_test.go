package ingest

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// charted is the answer to GET /usage/:tenant/series.
type charted struct {
	Step, From, To, Timezone string
	Points                   []struct {
		Start          time.Time
		Tokens, Events int64
	}
	Features []struct {
		Feature *string
		Tokens  []int64
	}
	Stale bool
}

func (a *api) series(tenant, query string) charted {
	a.Helper()
	r := a.get("/usage/" + tenant + "/series" + query)
	var c charted
	if err := json.Unmarshal([]byte(r.body), &c); err != nil || r.status != 200 {
		a.Fatalf("series%s: %d %.400s, %v", query, r.status, r.body, err)
	}
	return c
}

// at is an event of a tenant at an instant.
func at(tenant, feature string, tokens int64, instant string) string {
	return fmt.Sprintf(`{"tenant":%q,"feature":%q,"tokens":%d,"timestamp":%q}`, tenant, feature,
		tokens, instant)
}

func TestSeriesAreAlignedAndZeroFilled(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted("[" + at("acme", "chat", 1, "2026-08-01T10:59:59Z") + "," +
		at("acme", "image", 2, "2026-08-01T11:00:00Z") + "," +
		at("acme", "chat", 4, "2026-08-01T11:58:30Z") + "," +
		at("acme", "chat", 8, "2026-08-01T12:00:00Z") + "," +
		at("acme", "chat", 16, "2026-07-30T00:00:00Z") + "]")
	for query, want := range map[string]string{
		"": "day 2026-08-01T00:00:00Z 2026-08-02T00:00:00Z 15",
		"?from=2026-07-29&to=2026-08-01T00:00:00.001Z": "day " +
			"2026-07-29T00:00:00Z 2026-08-02T00:00:00Z 0 16 0 15",
		"?from=2026-07-29&to=2026-08-01": "day " +
			"2026-07-29T00:00:00Z 2026-08-01T00:00:00Z 0 16 0",
		"?step=hour&from=2026-08-01T10:30:00Z": "hour " +
			"2026-08-01T10:00:00Z 2026-08-01T13:00:00Z 1 6 8",
		"?step=hour&from=2026-08-01T10:30:00Z&to=2026-08-01T11:00:00Z": "hour " +
			"2026-08-01T10:00:00Z 2026-08-01T11:00:00Z 1",
		"?step=minute&from=2026-08-01T11:58:59Z&to=2026-08-01T12:00:00Z": "minute " +
			"2026-08-01T11:58:00Z 2026-08-01T12:00:00Z 4 0",
		"?step=minute&from=2026-08-01T13:58:00%2B02:00": "minute " +
			"2026-08-01T11:58:00Z 2026-08-01T12:01:00Z 4 0 8",
		"?step=hour&from=2026-08-01T10:00:00Z&feature=image": "hour " +
			"2026-08-01T10:00:00Z 2026-08-01T13:00:00Z 0 2 0",
		"?step=day&feature=nothing": "day " +
			"2026-08-01T00:00:00Z 2026-08-02T00:00:00Z 0",
		"?step=minute&from=2026-08-01T12:02:00Z&to=2026-08-01T12:03:00Z&feature=x": "minute " +
			"2026-08-01T12:02:00Z 2026-08-01T12:03:00Z 0",
	} {
		c := a.series("acme", query)
		got := c.Step + " " + c.From + " " + c.To
		for _, p := range c.Points {
			got += " " + strconv.FormatInt(p.Tokens, 10)
		}
		if got != want || c.Stale || c.Features != nil {
			t.Errorf("%s:\n got %s %+v\nwant %s", query, got, c.Features, want)
		}
	}
}

func TestHoursOfAZoneThatIsNoWholeHourAhead(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	if _, err := a.env.DB.Exec("UPDATE tenants SET timezone = 'Asia/Kathmandu' WHERE name = " +
		"'acme'"); err != nil {
		t.Fatal(err)
	}
	if err := a.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.counted("[" + at("acme", "chat", 1, "2026-07-31T18:14:59Z") + "," +
		at("acme", "chat", 2, "2026-07-31T18:15:00Z") + "," +
		at("acme", "chat", 4, "2026-08-01T12:00:00Z") + "]")
	total := a.total("acme")
	for _, step := range []string{"day", "hour", "minute"} {
		query := "?step=" + step
		if step == "minute" {
			query += "&from=2026-08-01" // midnight there
		}
		c := a.series("acme", query)
		var sum int64
		for _, p := range c.Points {
			sum += p.Tokens
		}
		if c.From != "2026-07-31T18:15:00Z" || sum != total || total != 6 {
			t.Errorf("by %s: from %s, %d tokens, want %d", step, c.From, sum, total)
		}
	}
}

func TestASeriesTellsTwentyFeaturesApart(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	var events []string
	for i := range 23 {
		events = append(events, at("acme", fmt.Sprintf("feature-%02d", i), int64(100-i),
			"2026-08-01T12:00:00Z"))
	}
	a.counted("[" + strings.Join(events, ",") + "]")
	c := a.series("acme", "?split=feature")
	if len(c.Features) != 21 || *c.Features[0].Feature != "feature-00" ||
		c.Features[0].Tokens[0] != 100 {
		t.Fatalf("%d features: %+v", len(c.Features), c.Features)
	}
	if rest := c.Features[20]; rest.Feature != nil || rest.Tokens[0] != 80+79+78 {
		t.Errorf("the rest is %+v", rest)
	}
	rows := a.csv("/usage/acme/series.csv?split=feature")
	if len(rows) != 2 || len(rows[0]) != 24 || rows[0][3] != "feature-00" ||
		rows[0][23] != "(other features)" || rows[1][23] != "237" {
		t.Errorf("as CSV: %q", rows)
	}
}

// csv is the answer at a path, in rows.
func (a *api) csv(path string) [][]string {
	a.Helper()
	r := a.get(path)
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/csv") ||
		!strings.HasPrefix(r.header.Get("Content-Disposition"), "attachment; filename=") {
		a.Fatalf("%s: %d %v %.300s", path, r.status, r.header, r.body)
	}
	rows, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil {
		a.Fatalf("%s: %v", path, err)
	}
	return rows
}

func TestASeriesAsCSVAddsUp(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.counted("[" + at("acme", "chat", 1, "2026-08-01T00:00:00Z") + "," +
		at("acme", "=cmd|' /C calc'!A0", 2, "2026-08-01T03:00:00Z") + "," + acme(4, "") + "]")
	for _, step := range []string{"day", "hour", "minute"} {
		var sum int64
		for _, row := range a.csv("/usage/acme/series.csv?step=" + step)[1:] {
			n, err := strconv.ParseInt(row[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if total := a.total("acme"); sum != total || total != 7 {
			t.Errorf("by %s: %d tokens, want %d", step, sum, total)
		}
	}
	if head := a.csv("/usage/acme/series.csv?split=feature")[0]; head[4] != "'=cmd|' /C calc'!A0" {
		t.Errorf("a feature that is a formula: %q", head)
	}
}

func TestTenantsAsCSV(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	a.addQuota("@SUM(A1)", 1000, 1500)
	a.addTenants("-1+1", "+1", `quoted "name", with comma`, "plain = name")
	rows := a.csv("/tenants.csv?archived=true")
	if len(rows) != 9 || rows[1][0] != "'@SUM(A1)" || rows[1][1] != "1500" || rows[1][2] != "1000" ||
		rows[1][3] != "150" || rows[1][4] != "0" {
		t.Fatalf("got %q", rows)
	}
	names := map[string]bool{}
	for _, row := range rows[1:] {
		names[row[0]] = true
		if row[0] == "gone" && row[11] != "true" || row[0] == "acme" && row[11] != "false" {
			t.Errorf("archived: %q", row)
		}
	}
	for _, want := range []string{"'-1+1", "'+1", `quoted "name", with comma`, "plain = name", "gone",
		"free"} {
		if !names[want] {
			t.Errorf("%q is missing in %v", want, names)
		}
	}
}
