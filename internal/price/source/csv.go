package source

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/price"
)

// The columns of CSV beside one for each pool. A cell of a pool is a price of 1,000,000 tokens,
// "none" for one that is withdrawn, or empty. Aliases are separated by blanks.
var csvColumns = []string{"provider", "model", "service_tier", "above_input_tokens", "inclusive",
	"effective_from", "tenant", "aliases"}

// table reads the cells of one line by the names of their columns.
type table struct {
	columns map[string]int
	cells   []string
}

func (t *table) cell(column string) string {
	if i, ok := t.columns[column]; ok {
		return strings.TrimSpace(t.cells[i])
	}
	return ""
}

// readCSV reads a table with a heading. A line that begins with # is a comment.
func readCSV(text []byte) (list List, err error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	r.Comment, r.FieldsPerRecord = '#', -1
	heading, err := r.Read()
	if err != nil {
		return list, fmt.Errorf("its heading: %w", err)
	}
	t := table{columns: map[string]int{}}
	for i, name := range heading {
		name = strings.TrimSpace(name)
		_, notPool := meter.ParsePool(name)
		if _, twice := t.columns[name]; twice || notPool != nil && !slices.Contains(csvColumns, name) {
			return list, fmt.Errorf("column %q is unknown or there twice; columns are %s", name,
				strings.Join(append(slices.Clone(csvColumns), meter.PoolNames()...), ", "))
		}
		t.columns[name] = i
	}
	if _, ok := t.columns["model"]; !ok {
		return list, errors.New("it has no column model")
	}
	for {
		t.cells, err = r.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			// Where a quote is open, what follows cannot be told apart.
			return list, err
		}
		line, _ := r.FieldPos(0)
		if len(t.cells) != len(heading) {
			list.Faults = append(list.Faults, Fault{fmt.Sprintf("line %d", line),
				fmt.Sprintf("it has %d cells, the heading has %d", len(t.cells), len(heading))})
			continue
		}
		t.read(&list, line)
	}
}

// read reads one line.
func (t *table) read(list *List, line int) {
	provider, model := t.cell("provider"), t.cell("model")
	e := &entry{list: list, name: fmt.Sprintf("line %d", line)}
	key := price.Key{Tenant: t.cell("tenant"), Provider: price.CanonicalProvider(provider),
		Model: model}
	if wrong := meter.CheckName(model); wrong != "" {
		e.fault("model %s", wrong)
	}
	if wrong := meter.CheckName(provider); provider != "" && wrong != "" {
		e.fault("provider %s", wrong)
	}
	from, inclusive := t.conditions(e, &key)
	for i := range meter.NumPools {
		switch cell := t.cell(i.String()); cell {
		case "":
		case "none":
			key.Pool = i
			e.rows = append(e.rows, price.Row{Key: key, From: from, Withdrawn: true})
		default:
			key.Pool = i
			value, err := meter.ParseTokenPrice(cell)
			if err != nil {
				e.fault("%s %s", i, err)
			}
			e.rows = append(e.rows, price.Row{Key: key, From: from, Price: value})
		}
	}
	for i := range e.rows {
		e.rows[i].Inclusive = inclusive
	}
	aliases := strings.Fields(t.cell("aliases"))
	if len(e.rows) == 0 && len(aliases) == 0 && !e.bad {
		e.fault("it has neither prices nor aliases")
	}
	for _, alias := range aliases {
		if wrong := price.CheckDeclared(alias); wrong != "" {
			e.fault("an alias %s", wrong)
		}
	}
	if e.bad {
		return
	}
	list.Rows = append(list.Rows, e.rows...)
	for _, alias := range aliases {
		list.Names = append(list.Names, price.Name{Provider: key.Provider, Name: alias, Model: model})
	}
}

// conditions reads when the line's prices hold.
func (t *table) conditions(e *entry, key *price.Key) (from time.Time, inclusive bool) {
	var err error
	if cell := t.cell("service_tier"); cell != "" {
		if key.Tier, err = meter.ParseServiceTier(cell); err != nil {
			e.fault("service_tier %s", err)
		}
	}
	if cell := t.cell("above_input_tokens"); cell != "" {
		if key.Above, err = strconv.ParseInt(cell, 10, 64); err != nil || key.Above < 0 {
			e.fault("above_input_tokens must be an integer from 0 to 9223372036854775807, not %q", cell)
		}
	}
	if cell := t.cell("inclusive"); cell != "" {
		if inclusive, err = strconv.ParseBool(cell); err != nil {
			e.fault("inclusive must be true or false, not %q", cell)
		}
	}
	if from, err = ParseFrom(t.cell("effective_from")); err != nil {
		e.fault("effective_from %s", err)
	}
	return from, inclusive
}

// ParseFrom reads an instant, as RFC 3339, or a date, for its midnight in UTC. "" is Always.
func ParseFrom(s string) (time.Time, error) {
	if s == "" {
		return Always, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse(time.DateOnly, s)
	}
	if err != nil || at.Before(Always) || at.Year() > 9999 {
		return Always, fmt.Errorf("must be a date like 2026-01-31 or a time like"+
			" 2026-01-31T12:00:00Z, not %q", s)
	}
	return at.UTC().Truncate(time.Microsecond), nil
}
