// Package source reads price lists: data sets that others publish, and tables of one's own. It
// changes nothing and fetches nothing.
//
// Numbers are read as text and are exact. An entry that cannot be read, or whose price has more
// decimals than the price book keeps, becomes a fault; what a price book cannot express, like a
// price by the time of day, is left out and named. Nothing is ever rounded or guessed.
package source

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// List is what a price list says.
type List struct {
	// Rows have no Source, CheckedAt or Shipped. From is the date that the list names, else Always.
	Rows   []price.Row
	Names  []price.Name
	Faults []Fault
	// Left are entries that the price book cannot express, with the reason.
	Left []Fault
}

// Fault is an entry of a list and what is wrong with it.
type Fault struct{ Entry, Reason string }

// Always is from when a price holds that a list does not date.
var Always = time.Unix(0, 0).UTC()

// formats are the readers by the name of their format.
var formats = map[string]func(text []byte) (List, error){
	"genai-prices": readGenAI,
	"litellm":      readLiteLLM,
	"models.dev":   readModelsDev,
	"csv":          readCSV,
}

// Formats are the names of all formats.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// CheckFormat says what is wrong with the name of a format.
func CheckFormat(name string) error {
	if formats[name] == nil {
		return fmt.Errorf("must be one of %s, not %q", strings.Join(Formats(), ", "), name)
	}
	return nil
}

// Read reads a list. The error is one of the file as a whole.
func Read(format string, text []byte) (List, error) {
	if err := CheckFormat(format); err != nil {
		return List{}, fmt.Errorf("format %w", err)
	}
	list, err := formats[format](text)
	if err != nil {
		return List{}, fmt.Errorf("read %s: %w", format, err)
	}
	if len(list.Rows) == 0 && len(list.Faults) == 0 {
		return List{}, fmt.Errorf("read %s: it has no prices", format)
	}
	return list, nil
}

// Only is the list without other providers than those named.
func (l List) Only(providers []string) List {
	keep := map[string]bool{}
	for _, p := range providers {
		keep[price.CanonicalProvider(p)] = true
	}
	l.Rows = slices.DeleteFunc(slices.Clone(l.Rows),
		func(r price.Row) bool { return !keep[r.Provider] })
	l.Names = slices.DeleteFunc(slices.Clone(l.Names),
		func(n price.Name) bool { return !keep[n.Provider] })
	other := func(f Fault) bool {
		provider, _, _ := strings.Cut(f.Entry, "/")
		return !keep[price.CanonicalProvider(provider)]
	}
	l.Faults = slices.DeleteFunc(slices.Clone(l.Faults), other)
	l.Left = slices.DeleteFunc(slices.Clone(l.Left), other)
	return l
}

// entry collects the rows of one model, and drops them all at its first fault: half of a model's
// prices would be taken for all of them.
type entry struct {
	list *List
	name string // provider/model
	rows []price.Row
	bad  bool
}

// fault notes what is wrong with the entry.
func (e *entry) fault(format string, args ...any) {
	e.bad = true
	e.list.Faults = append(e.list.Faults, Fault{e.name, fmt.Sprintf(format, args...)})
}

// add adds a price, as the list writes it, in 10^shift nano-units for 1,000,000 tokens.
func (e *entry) add(key price.Key, from time.Time, field, text string, shift int) {
	value, err := exact(text, shift)
	if err != nil {
		e.fault("%s %s", field, err)
		return
	}
	e.rows = append(e.rows, price.Row{Key: key, Price: value, From: from})
}

// end adds the entry to the list. Where it has no price of reasoning, that costs what output does.
func (e *entry) end(key price.Key) {
	for _, wrong := range []string{meter.CheckName(key.Model), meter.CheckName(key.Provider)} {
		if wrong != "" && !e.bad {
			e.fault("a name %s", wrong)
		}
	}
	if e.bad {
		return
	}
	e.list.Rows = append(e.list.Rows, withReasoning(e.rows)...)
}

// withReasoning adds a price of reasoning for each of output, in the service tiers that have none.
func withReasoning(rows []price.Row) []price.Row {
	var own [meter.NumServiceTiers]bool
	for _, r := range rows {
		if r.Pool == meter.Reasoning {
			own[r.Tier] = true
		}
	}
	for _, r := range rows {
		if r.Pool == meter.Output && !own[r.Tier] {
			r.Pool = meter.Reasoning
			rows = append(rows, r)
		}
	}
	return rows
}
