package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// An event with no tokens is an event: it is counted once, in every place that counts events.
func TestAnEventWithNoTokens(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	none := `{"tenant":"acme","feature":"cache","tokens":0,"id":"z1"}`
	if got := a.counted("[" + none + "," + acme(7, "") + "]"); got.Accepted != 2 ||
		got.Usage[0].TotalTokens != 7 {
		t.Errorf("got %+v", got)
	}
	if got := a.counted(none); got.Accepted != 0 || got.Duplicates != 1 {
		t.Errorf("again: %+v", got)
	}
	a.refused(a.post(jsonType, strings.Replace(none, "0", "1", 1)), 409, "id-conflict")
	var u struct {
		TotalTokens int64
		Features    []struct {
			Feature        string
			Tokens, Events int64
		}
	}
	if err := json.Unmarshal([]byte(a.get("/usage/acme").body), &u); err != nil {
		t.Fatal(err)
	}
	if len(u.Features) != 2 || u.Features[1].Feature != "cache" || u.Features[1].Tokens != 0 ||
		u.Features[1].Events != 1 || u.TotalTokens != 7 {
		t.Errorf("usage: %+v", u)
	}
	var series struct {
		Points   []struct{ Tokens, Events int64 }
		Features []struct {
			Feature string
			Tokens  []int64
		}
	}
	if err := json.Unmarshal([]byte(a.get("/usage/acme/series?step=minute&from=2026-08-01T12:00:00Z&to=2026-08-01T12:01:00Z&split=feature").body), &series); err != nil {
		t.Fatal(err)
	}
	if len(series.Points) != 1 || series.Points[0].Events != 2 || series.Points[0].Tokens != 7 {
		t.Errorf("series: %+v", series)
	}
	// A tenant that has used nothing but events, and one whose quota is used up.
	if got := a.counted(`{"tenant":"free","feature":"cache","tokens":0}`); got.Usage[0].TotalTokens != 0 || got.Usage[0].Stale {
		t.Errorf("free: %+v", got)
	}
	for _, mode := range []string{"soft", "strict"} {
		a.set("acme", "monthly_quota = 7, enforce = '"+mode+"'")
		a.refused(a.post(jsonType, acme(1, "")), 402, "quota-exceeded")
		a.counted(acme(0, ""))
	}
}
