package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// auditLines is how many differing rows of a table are shown.
const auditLines = 50

// writeAudit prints what people want to know.
func writeAudit(w io.Writer, r audit.Report) error {
	out := &printer{w: w}
	whose := "all tenants"
	if r.Tenant != "" {
		whose = "tenant " + r.Tenant
	}
	out.printf("%s, events from %s to %s\n",
		whose, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	out.printf("%s in the range, a row being a feature's minute; %s on the way and not compared\n",
		rows(r.Rows), humanize.Comma(int64(r.Moving)))
	if r.From.Before(r.Since) {
		out.printf("events or rollups from before %s are no longer kept and were not compared\n",
			r.Since.Format(time.RFC3339))
	}
	if r.Explained > 0 {
		out.printf("%s explained by dead_events\n", rows(int64(r.Explained)))
	}
	if r.Unreadable > 0 {
		out.printf("warning: %s of raw events or dead_events cannot be read, drift may be theirs\n",
			rows(int64(r.Unreadable)))
	}
	for i, s := range r.Recut {
		if i == auditLines {
			out.printf("and %s more series like this\n", humanize.Comma(int64(len(r.Recut)-i)))
			break
		}
		out.printf("note: days of %s, %s differ but agree in total: a changed time zone cuts them"+
			" otherwise\n", s.Tenant, s.Feature)
	}
	writeMinuteDrift(out, r)
	writeDayDrift(out, r)
	switch {
	case r.Clean() && r.Compared() == 0:
		out.printf("nothing was compared\n")
	case r.Clean():
		out.printf("no drift\n")
	case r.Repaired != nil:
		out.printf("\nrepaired %s of rollups and %s of usage_daily in one transaction, ledger entry %s\n",
			rows(int64(r.Repaired.Rollups)), rows(int64(r.Repaired.Days)), r.Repaired.Ledger)
	default:
		out.printf("\nto rebuild the sums from the events, run this again with --repair\n")
	}
	return out.err
}

func writeMinuteDrift(out *printer, r audit.Report) {
	if len(r.Minutes) == 0 {
		return
	}
	out.printf("\nrollups differ from events:\n")
	table := newTable(out, "TENANT\tFEATURE\tMINUTE\t"+headings("")+headings("ROLLUP ")+"DIFFERENCE")
	for i, d := range r.Minutes {
		if i == auditLines {
			break
		}
		minute := d.Minute.Format("2006-01-02T15:04Z07:00")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s%s%s\t\n", d.Tenant, d.Feature, minute, cells(d.Events),
			cells(d.Rollups), signed(d.Difference()[meter.Tokens]))
	}
	table.Flush()
	out.more(len(r.Minutes))
	out.printf("%s, %s tokens\n", rows(int64(len(r.Minutes))),
		humanize.Comma(r.RollupsDrift()[meter.Tokens]))
}

func writeDayDrift(out *printer, r audit.Report) {
	if len(r.Totals) == 0 {
		return
	}
	out.printf("\nusage_daily differs from minutes:\n")
	table := newTable(out, "TENANT\tFEATURE\tDAY\t"+headings("")+headings("DAILY ")+"DIFFERENCE")
	for i, d := range r.Days {
		if i == auditLines {
			break
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s%s%s\t\n", d.Tenant, d.Feature, d.Day, cells(d.Minutes),
			cells(d.Daily), signed(d.Difference()[meter.Tokens]))
	}
	table.Flush()
	out.more(len(r.Days))
	out.printf("%s, %s tokens\n", rows(int64(len(r.Days))), humanize.Comma(r.DailyDrift()[meter.Tokens]))
	for i, t := range unresolved(r) {
		if i == auditLines {
			break
		}
		out.printf("%s, %s: all days differ from all minutes by %s tokens, which the days above do not"+
			" explain: choose an earlier --from\n",
			t.Tenant, t.Feature, signed(t.Difference()[meter.Tokens]))
	}
}

func unresolved(r audit.Report) (totals []audit.TotalDrift) {
	for _, t := range r.Totals {
		if t.Unresolved {
			totals = append(totals, t)
		}
	}
	return totals
}

// printer writes until the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	var n int
	n, p.err = p.w.Write(b)
	return n, p.err
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *printer) more(n int) {
	if n > auditLines {
		p.printf("and %s more\n", humanize.Comma(int64(n-auditLines)))
	}
}

func newTable(w io.Writer, head string) *tabwriter.Writer {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, head+"\t")
	return table
}

// inColumns are the amounts as a table shows them: events, and then what they add up to.
func inColumns(yield func(meter.Amount) bool) {
	if !yield(meter.Events) {
		return
	}
	for a := range meter.NumAmounts {
		if a != meter.Events && !yield(a) {
			return
		}
	}
}

// headings are those of cells.
func headings(of string) (text string) {
	for a := range inColumns {
		text += of + strings.ToUpper(a.Spec().Name) + "\t"
	}
	return text
}

func cells(amounts meter.Amounts) (text string) {
	for a := range inColumns {
		text += humanize.Comma(amounts[a]) + "\t"
	}
	return text
}

func signed(n int64) string {
	if n > 0 {
		return "+" + humanize.Comma(n)
	}
	return humanize.Comma(n)
}

func rows(n int64) string {
	if n == 1 {
		return "1 row"
	}
	return humanize.Comma(n) + " rows"
}
