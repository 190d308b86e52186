package meter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MarshalJSON writes an object with a member for each amount, in their order.
func (a Amounts) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 24*len(a)), '{')
	for i, n := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(strconv.AppendQuote(b, specs[i].Name), ':'), n, 10)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads the members that MarshalJSON writes. An absent one is 0, and others are
// ignored.
func (a *Amounts) UnmarshalJSON(text []byte) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	*a = Amounts{}
	for i := range a {
		member, ok := members[specs[i].Name]
		if !ok {
			continue
		}
		if err := json.Unmarshal(member, &a[i]); err != nil {
			return fmt.Errorf("read %s: %w", specs[i].Name, err)
		}
	}
	return nil
}

// Scan reads a bigint[] of Postgres that has every amount, in their order.
func (a *Amounts) Scan(src any) error {
	text, ok := src.([]byte)
	if !ok || len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return fmt.Errorf("read amounts: %T is not an array", src)
	}
	values := strings.Split(string(text[1:len(text)-1]), ",")
	if len(values) != len(a) {
		return fmt.Errorf("read amounts: %d values for %d amounts", len(values), len(a))
	}
	for i, value := range values {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("read amounts: %w", err)
		}
		a[i] = n
	}
	return nil
}
