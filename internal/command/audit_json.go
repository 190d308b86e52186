package command

import (
	"encoding/json"
	"io"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// driftJSON and the types below are the output of --json.
type driftJSON struct {
	Tenant     string        `json:"tenant"`
	Feature    string        `json:"feature"`
	Minute     string        `json:"minute,omitempty"` // RFC 3339, UTC
	Day        string        `json:"day,omitempty"`    // of the tenant's calendar
	Events     meter.Amounts `json:"events"`
	Sum        meter.Amounts `json:"sum"`        // what the table says
	Difference meter.Amounts `json:"difference"` // what it says too much
	Unresolved bool          `json:"unresolved,omitempty"`
}

type auditJSON struct {
	From string `json:"from"`
	To   string `json:"to"`
	// older events or rollups are not kept, and not compared
	Since      string      `json:"since,omitempty"`
	Tenant     string      `json:"tenant,omitempty"`
	Clean      bool        `json:"clean"`
	Settled    bool        `json:"settled"` // clean, or all repaired
	Rows       int64       `json:"rows"`
	Moving     int         `json:"moving"`
	Explained  int         `json:"explained"`
	Unreadable int         `json:"unreadable"`
	Drift      tokensJSON  `json:"driftTokens"`
	Rollups    []driftJSON `json:"rollups"`
	UsageDaily []driftJSON `json:"usageDaily"`
	Totals     []driftJSON `json:"totals"` // all days of a feature against all its minutes
	Recut      []driftName `json:"recut"`
	Repaired   *repairJSON `json:"repaired,omitempty"`
}

type tokensJSON struct {
	Rollups    int64 `json:"rollups"`
	UsageDaily int64 `json:"usageDaily"`
}

type driftName struct {
	Tenant  string `json:"tenant"`
	Feature string `json:"feature"`
}

type repairJSON struct {
	Rollups    int    `json:"rollups"`
	UsageDaily int    `json:"usageDaily"`
	Ledger     string `json:"ledger,omitempty"`
}

func writeAuditJSON(w io.Writer, r audit.Report) error {
	out := auditJSON{
		From: r.From.Format(time.RFC3339), To: r.To.Format(time.RFC3339), Tenant: r.Tenant,
		Clean: r.Clean(), Settled: r.Resolved(), Rows: r.Rows, Moving: r.Moving, Explained: r.Explained,
		Unreadable: r.Unreadable,
		Drift:      tokensJSON{r.RollupsDrift()[meter.Tokens], r.DailyDrift()[meter.Tokens]},
		Rollups:    []driftJSON{}, UsageDaily: []driftJSON{}, Totals: []driftJSON{}, Recut: []driftName{},
	}
	drift := func(s audit.Series, events, sum, difference meter.Amounts) driftJSON {
		return driftJSON{Tenant: s.Tenant, Feature: s.Feature, Events: events, Sum: sum,
			Difference: difference}
	}
	if r.From.Before(r.Since) {
		out.Since = r.Since.Format(time.RFC3339)
	}
	for _, d := range r.Minutes {
		row := drift(d.Series, d.Events, d.Rollups, d.Difference())
		row.Minute = d.Minute.Format(time.RFC3339Nano)
		out.Rollups = append(out.Rollups, row)
	}
	for _, d := range r.Days {
		row := drift(d.Series, d.Minutes, d.Daily, d.Difference())
		row.Day = d.Day.String()
		out.UsageDaily = append(out.UsageDaily, row)
	}
	for _, t := range r.Totals {
		row := drift(t.Series, t.Minutes, t.Days, t.Difference())
		row.Unresolved = t.Unresolved
		out.Totals = append(out.Totals, row)
	}
	for _, s := range r.Recut {
		out.Recut = append(out.Recut, driftName(s))
	}
	if r.Repaired != nil {
		out.Repaired = &repairJSON{r.Repaired.Rollups, r.Repaired.Days, r.Repaired.Ledger}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
}
