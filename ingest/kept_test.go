package ingest

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestWhatIsNoLongerKeptIsRefused asks for times whose rows were dropped, and for those behind.
func TestWhatIsNoLongerKeptIsRefused(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	if _, err := a.env.DB.Exec("INSERT INTO retention VALUES ('events', '2026-07-20Z'), ('rollups', " +
		"'2026-07-01Z')"); err != nil {
		t.Fatal(err)
	}
	for path, status := range map[string]int{
		"/series?step=minute&from=2026-06-30T23:59:00Z&to=2026-07-01T10:00:00Z": 400,
		"/series.csv?step=hour&from=2026-06-30T00:00:00Z&to=2026-07-02":         400,
		"/series?step=minute&from=2026-07-01T00:00:00Z&to=2026-07-01T10:00:00Z": 200,
		"/series?step=day&from=2026-01-01&to=2026-07-02":                        200,
		"/events.csv?from=2026-07-19T23:59:59Z&to=2026-07-21":                   400,
		"/events.csv?from=2026-07-20T00:00:00Z&to=2026-07-21":                   200,
	} {
		r := a.get("/usage/acme" + path)
		since := "2026-07-01T00:00:00Z"
		if strings.HasPrefix(path, "/events") {
			since = "2026-07-20T00:00:00Z"
		}
		if r.status != status || status == 400 && !(strings.Contains(r.body, `"field":"from"`) &&
			strings.Contains(r.body, since)) {
			t.Errorf("%s: %d %.300s", path, r.status, r.body)
		}
	}
}
