package change

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

var (
	epoch = time.Unix(0, 0).UTC()
	now   = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	later = now.AddDate(0, 1, 0)
)

// rows reads prices like "p/m batch input above 200000=3": a word of each, as lines have them.
func rows(t *testing.T, from time.Time, texts ...string) (all []price.Row) {
	t.Helper()
	for _, text := range texts {
		what, value, _ := strings.Cut(text, "=")
		words := strings.Fields(what)
		r := price.Row{From: from}
		var found bool
		if r.Provider, r.Model, found = strings.Cut(words[0], "/"); !found {
			r.Provider, r.Model = "", words[0]
		}
		for i, word := range words[1:] {
			if tier, err := meter.ParseServiceTier(word); err == nil {
				r.Tier = tier
			} else if word == "above" {
				fmt.Sscan(words[i+2], &r.Above)
				break
			} else if r.Pool, err = meter.ParsePool(word); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if r.Withdrawn = value == "none"; !r.Withdrawn {
			if r.Price, err = meter.ParseTokenPrice(value); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, r)
	}
	return all
}

func shipped(rows []price.Row) []price.Row {
	for i := range rows {
		rows[i].Shipped = true
	}
	return rows
}

// show is a plan as text: a line for each change, with what must be accepted.
func show(p Plan) (lines []string) {
	for _, l := range p.Lines {
		s := l.What + ": " + l.Old + " > " + l.New
		if !l.From.IsZero() && !l.From.Equal(now) {
			s += " from " + l.From.Format(time.DateOnly)
		}
		if l.Reason != "" {
			s += " (" + l.Reason + ")"
		}
		lines = append(lines, s)
	}
	return append(lines, p.Conflicts...)
}

func TestWhatAListChanges(t *testing.T) {
	in := rows(t, epoch, "p/m input=3", "p/m output=15")
	for name, c := range map[string]struct {
		have  []price.Row
		names []price.Name
		want  Wanted
		lines []string
		rows  int
	}{
		"nothing": {have: in, want: Wanted{Rows: in}},
		"a new model": {want: Wanted{Rows: in}, rows: 2,
			lines: []string{"p/m input:  > 3 from 1970-01-01", "p/m output:  > 15 from 1970-01-01"}},
		"a new model, from a date": {want: Wanted{Rows: in[:1], From: later}, rows: 1,
			lines: []string{"p/m input:  > 3 from 2026-04-04"}},
		"a new price": {have: in, want: Wanted{Rows: rows(t, epoch, "p/m input=4", "p/m output=15")}, rows: 1,
			lines: []string{"p/m input: 3 > 4"}},
		"three times": {have: in, want: Wanted{Rows: rows(t, epoch, "p/m input=9", "p/m output=5")}, rows: 2,
			lines: []string{"p/m input: 3 > 9", "p/m output: 15 > 5"}},
		"more than three times": {have: in,
			want: Wanted{Rows: rows(t, epoch, "p/m input=9.000000001", "p/m output=4.999999999")}, rows: 2,
			lines: []string{"p/m input: 3 > 9.000000001 (it changes by more than 3 times)",
				"p/m output: 15 > 4.999999999 (it changes by more than 3 times)"}},
		"free, and no longer": {have: rows(t, epoch, "p/m input=3", "p/m output=0"),
			want: Wanted{Rows: rows(t, epoch, "p/m input=0", "p/m output=1")}, rows: 2,
			lines: []string{"p/m input: 3 > 0 (it drops to 0)", "p/m output: 0 > 1 (it was free)"}},
		"twice, the same": {have: in, want: Wanted{Rows: append(slices.Clone(in), in...)}},
		"twice, another": {want: Wanted{Rows: rows(t, epoch, "p/m input=3", "p/m input=4")}, rows: 1,
			lines: []string{"p/m input:  > 4 from 1970-01-01 (the list has two prices for it)"}},
		"dated, of a new model": {want: Wanted{Rows: append(rows(t, epoch, "p/m input=3"), rows(t, later, "p/m input=30")...)},
			rows: 2, lines: []string{"p/m input:  > 3 from 1970-01-01", "p/m input:  > 30 from 2026-04-04"}},
		"dated, of a known model": {have: in,
			want: Wanted{Rows: append(rows(t, epoch, "p/m input=1"), append(rows(t, now.AddDate(0, -1, 0), "p/m input=4"), rows(t, later, "p/m input=5")...)...)},
			rows: 2, lines: []string{"p/m input: 3 > 4", "p/m input: 3 > 5 from 2026-04-04"}},
		"a context tier": {have: in, want: Wanted{Rows: rows(t, epoch, "p/m input=3", "p/m input above 200000=6")}, rows: 1,
			lines: []string{"p/m input above 200000: 3 > 6"}},
		"no context tier any more": {have: rows(t, epoch, "p/m input=3", "p/m input above 200000=6"),
			want: Wanted{Rows: in[:1]}, rows: 1, lines: []string{"p/m input above 200000: 6 > 3"}},
		"tiers of the program stay in force beside a new price": {
			have: shipped(rows(t, epoch, "p/m input=3", "p/m input above 200000=6")),
			want: Wanted{Rows: rows(t, epoch, "p/m input=2", "p/m input above 200000=6")}, rows: 2,
			lines: []string{"p/m input: 3 > 2", "p/m input above 200000: 6 > 6"}},
		"as the program has it":             {have: shipped(slices.Clone(in)), want: Wanted{Rows: in}},
		"pools that the list does not have": {have: in, want: Wanted{Rows: in[:1]}},
		"a tier of service": {have: in, want: Wanted{Rows: rows(t, epoch, "p/m batch input=1")}, rows: 1,
			lines: []string{"p/m batch input:  > 1"}},

		"a name": {have: in, want: Wanted{Names: []price.Name{{Provider: "p", Name: "em", Model: "m"}}},
			lines: []string{"p/em:  > leads to m"}},
		"a name that is there": {have: in, names: []price.Name{{Provider: "p", Name: "em", Model: "m"}},
			want: Wanted{Names: []price.Name{{Provider: "p", Name: "em", Model: "m"}}}},
		"a name of another model": {have: append(rows(t, epoch, "p/n input=1"), in...), names: []price.Name{{Provider: "p", Name: "em", Model: "m"}},
			want:  Wanted{Names: []price.Name{{Provider: "p", Name: "em", Model: "n"}}},
			lines: []string{"p/em: leads to m > leads to n (the name leads to another model now)"}},
		"a name of two models": {have: append(rows(t, epoch, "p/n input=1"), in...),
			want:  Wanted{Names: []price.Name{{Provider: "p", Name: "em", Model: "m"}, {Provider: "p", Name: "em", Model: "n"}}},
			lines: []string{"p/em:  > leads to m", "p/em:  > leads to n (the list has two models for it)"}},
		"an alias that gets its own prices": {have: in, names: []price.Name{{Provider: "p", Name: "em", Model: "m"}},
			want: Wanted{Rows: rows(t, epoch, "p/em input=1")}, rows: 1,
			lines: []string{"p/em: has the prices of m > has its own (it has none but these any more)", "p/em input:  > 1 from 1970-01-01"}},
		"a model renamed": {have: in, want: Wanted{Rows: rows(t, epoch, "p/m-new input=3", "p/m-new output=15")}, rows: 2,
			lines: []string{"p/m-new: p/m > new, at the same prices (the list has it in place of m, which keeps its prices)",
				"p/m-new input:  > 3 from 1970-01-01", "p/m-new output:  > 15 from 1970-01-01"}},
		"a model more, at the same prices": {have: in,
			want: Wanted{Rows: append(rows(t, epoch, "p/n input=3", "p/n output=15"), in...)}, rows: 2,
			lines: []string{"p/n input:  > 3 from 1970-01-01", "p/n output:  > 15 from 1970-01-01"}},

		"shipped, over the operator's": {have: append(rows(t, epoch, "p/m input=1"), shipped(rows(t, epoch, "p/m input=3"))...),
			want: Wanted{Shipped: true, Rows: rows(t, epoch, "p/m input=4")}, rows: 1, lines: []string{"p/m input: 3 > 4"}},
		"only what is missing": {have: append(rows(t, epoch, "p/m input=1", "x input=2"), shipped(rows(t, epoch, "p/n input=1"))...),
			want: Wanted{Shipped: true, Missing: true, Rows: rows(t, epoch, "p/m input=3", "p/n output=3", "q/x input=3", "p/o input=3"),
				Names: []price.Name{{Provider: "p", Name: "em", Model: "m"}, {Provider: "p", Name: "oh", Model: "o"}}},
			rows: 1, lines: []string{"p/o input:  > 3 from 1970-01-01", "p/oh:  > leads to o"}},

		"set":               {have: in, want: Wanted{Set: true, Rows: rows(t, now, "p/m input=4")}, rows: 1, lines: []string{"p/m input: 3 > 4"}},
		"set to what it is": {have: in, want: Wanted{Set: true, Rows: rows(t, now, "p/m input=3")}},
		"set to nothing": {have: in, want: Wanted{Set: true, Rows: rows(t, now, "p/m input=none")}, rows: 1,
			lines: []string{"p/m input: 3 > none (it is withdrawn, and what uses it may have no price then)"}},
		"set for every provider": {have: append(rows(t, epoch, "q/m input=4"), in...), want: Wanted{Set: true, Rows: rows(t, now, "m input=30")}, rows: 1,
			lines: []string{"m input: 3, 4 > 30 (it changes by more than 3 times)"}},
		"set over context tiers": {have: shipped(rows(t, epoch, "p/m input=3", "p/m input above 200000=60")),
			want: Wanted{Set: true, Rows: rows(t, now, "p/m input=2")}, rows: 1,
			lines: []string{"p/m input: 3 > 2", "p/m input above 200000: 60 > 2 (it changes by more than 3 times)"}},
		"set twice from one instant": {have: rows(t, now, "p/m input=3"), want: Wanted{Set: true, Rows: rows(t, now, "p/m input=4")},
			lines: []string{"p/m input is 3 from 2026-03-04T12:00:00Z on already: choose another instant"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.Now, c.want.Source, c.want.CheckedAt = now, "test", now
			p := Make(c.have, c.names, c.want)
			if got := show(p); !slices.Equal(got, c.lines) || len(p.Rows) != c.rows {
				t.Errorf("%d rows\n%s\nwant %d rows\n%s", len(p.Rows), strings.Join(got, "\n"), c.rows, strings.Join(c.lines, "\n"))
			}
			if name == "shipped, over the operator's" && p.Overridden != 1 {
				t.Errorf("%d overridden, want 1", p.Overridden)
			}
			// Done once, it has nothing left to do.
			if len(p.Conflicts) > 0 || c.want.Missing {
				return
			}
			again := Make(append(slices.Clone(c.have), p.Rows...), append(slices.Clone(c.names), p.Names...), c.want)
			if len(again.Rows) > 0 && !strings.Contains(name, "twice, another") {
				t.Errorf("again: %s", strings.Join(show(again), "\n"))
			}
		})
	}
}

func TestANegotiatedPriceIsComparedWithTheList(t *testing.T) {
	have := rows(t, epoch, "p/m input=3")
	want := rows(t, now, "p/m input=30")
	want[0].Tenant = "acme"
	p := Make(have, nil, Wanted{Set: true, Rows: want, Now: now})
	if got := show(p); !slices.Equal(got, []string{"tenant acme: p/m input: 3 > 30 (it changes by more than 3 times)"}) {
		t.Errorf("%q", got)
	}
}
