package backup

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// Counted is what a table of sums adds up to: in JSON, its rows and each amount by its name.
type Counted struct {
	Rows    int64
	Amounts numbersByName
}

// numbersByName are numbers of any size. Postgres sends them as a JSON object.
type numbersByName map[string]json.Number

// counted is a query for a Counted of a table.
func counted(table string, of []meter.Amount) string {
	members := []string{"'rows', count(*)"}
	for _, a := range of {
		members = append(members, member(a.Spec(), a.Spec().Column))
	}
	return "(SELECT json_build_object(" + strings.Join(members, ", ") + ") FROM " + table + ")"
}

// moreOfEvents adds up the amounts of events that Sums has no field for.
func moreOfEvents(of []meter.Amount) string {
	var members []string
	for _, a := range of {
		if a != meter.Tokens && a != meter.Events {
			members = append(members, member(a.Spec(), store.OfEvent(a.Spec())))
		}
	}
	return "json_build_object(" + strings.Join(members, ", ") + ")"
}

// member adds up a value under the name of an amount.
func member(a meter.AmountSpec, value string) string {
	return "'" + a.Name + "', coalesce(sum(" + value + "), 0)"
}

// allAmounts are those that a new backup is added up by.
func allAmounts() (all []meter.Amount) {
	for a := range meter.NumAmounts {
		all = append(all, a)
	}
	return all
}

// amounts are those that the backup was added up by: it may be of a version that had fewer.
func (s Sums) amounts() (of []meter.Amount) {
	for a := range meter.NumAmounts {
		if _, ok := s.Rollups.Amounts[a.Spec().Name]; ok {
			of = append(of, a)
		}
	}
	return of
}

// MarshalJSON writes the rows, and the amounts in the order of their names.
func (c Counted) MarshalJSON() ([]byte, error) {
	amounts, err := json.Marshal(c.Amounts)
	if err != nil {
		return nil, err
	}
	rows := strconv.AppendInt([]byte(`{"rows":`), c.Rows, 10)
	if len(c.Amounts) == 0 {
		return append(rows, '}'), nil
	}
	return append(append(rows, ','), amounts[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Counted) UnmarshalJSON(text []byte) (err error) {
	*c = Counted{}
	if err := c.Amounts.read(text); err != nil {
		return err
	}
	c.Rows, err = c.Amounts["rows"].Int64()
	delete(c.Amounts, "rows")
	return err
}

// read reads an object whose members are all numbers.
func (n *numbersByName) read(text []byte) error {
	var members map[string]jsontext.Value
	if err := strict.Unmarshal(text, &members); err != nil {
		return err
	}
	*n = make(numbersByName, len(members))
	for name, value := range members {
		if value.Kind() != '0' {
			return fmt.Errorf("read %s: %s is no number", name, value)
		}
		(*n)[name] = json.Number(value)
	}
	return nil
}

// Scan reads a Counted from Postgres.
func (c *Counted) Scan(src any) error {
	text, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("read sums: %T is no JSON", src)
	}
	return c.UnmarshalJSON(text)
}

// Scan reads numbers from Postgres.
func (n *numbersByName) Scan(src any) error {
	text, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("read sums: %T is no JSON", src)
	}
	return n.read(text)
}
