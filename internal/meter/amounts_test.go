package meter

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTheListOfAmounts holds what everything that is built from the list relies on.
func TestTheListOfAmounts(t *testing.T) {
	names, columns, kinds := map[string]bool{}, map[string]bool{}, map[byte]bool{
		// The other kinds of fields of a hash of counters.
		'd': true, 'f': true, 'm': true,
	}
	for a := range NumAmounts {
		spec := a.Spec()
		if spec.Name == "" || names[spec.Name] {
			t.Errorf("amount %d has no name of its own: %q", a, spec.Name)
		}
		if spec.Column == "" || columns[spec.Column] {
			t.Errorf("%s has no column of its own: %q", spec.Name, spec.Column)
		}
		names[spec.Name], columns[spec.Column] = true, true
		if spec.Counter < 'a' || spec.Counter > 'z' || kinds[spec.Counter] {
			t.Errorf("%s has no kind of counter of its own: %q", spec.Name, spec.Counter)
		}
		kinds[spec.Counter] = true
		if spec.Total == 0 {
			continue
		}
		if spec.Total < 'a' || spec.Total > 'z' || kinds[spec.Total] {
			t.Errorf("%s has no kind of total of its own: %q", spec.Name, spec.Total)
		}
		kinds[spec.Total] = true
	}
	// Valkey holds these under the kinds that they have had since the first version.
	if got, want := Tokens.Spec(), (AmountSpec{"tokens", "total_tokens", "tokens", 't', 's', false}); got != want {
		t.Errorf("tokens are %+v, want %+v", got, want)
	}
	if got, want := Events.Spec(), (AmountSpec{"events", "events", "", 'e', 0, false}); got != want {
		t.Errorf("events are %+v, want %+v", got, want)
	}
}

func anyInt64() *rapid.Generator[int64] {
	edges := rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MaxInt64 - 1, -math.MaxInt64, math.MinInt64})
	return rapid.OneOf(rapid.Int64(), edges)
}

func TestAmountsAddWithinTheirBounds(t *testing.T) {
	most := big.NewInt(math.MaxInt64)
	least := new(big.Int).Neg(most)
	bounded := func(n *big.Int) int64 {
		switch {
		case n.Cmp(most) > 0:
			return math.MaxInt64
		case n.Cmp(least) < 0:
			return -math.MaxInt64
		}
		return n.Int64()
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := anyInt64().Draw(t, "x"), anyInt64().Draw(t, "y")
		a, b := Amounts{Tokens: x, Events: 1}, Amounts{Tokens: y, Events: 2}
		exact := new(big.Int).Add(big.NewInt(x), big.NewInt(y))
		if x != math.MinInt64 || y != 0 { // the one value that has no negative
			if got, want := a.Add(b)[Tokens], bounded(exact); got != want {
				t.Errorf("%d + %d is %d, want %d", x, y, got, want)
			}
		}
		sum, ok := a.AddExact(b)
		if ok != exact.IsInt64() || ok && sum != (Amounts{Tokens: exact.Int64(), Events: 3}) {
			t.Errorf("exactly %d + %d is %v, %v", x, y, sum, ok)
		}
		if x != math.MinInt64 && y != math.MinInt64 {
			less := new(big.Int).Sub(big.NewInt(x), big.NewInt(y))
			if got, want := a.Sub(b), (Amounts{Tokens: bounded(less), Events: -1}); got != want {
				t.Errorf("%v - %v is %v, want %v", a, b, got, want)
			}
		}
	})
}

func TestAmountsAsText(t *testing.T) {
	a := Amounts{Tokens: math.MaxInt64, Events: -2}
	b, err := json.Marshal(a)
	if want := `{"tokens":9223372036854775807,"events":-2`; err != nil || !strings.HasPrefix(string(b), want) {
		t.Errorf("got %s, %v, want %s and so on", b, err, want)
	}
	var read Amounts
	if err := json.Unmarshal([]byte(`{"tenant":"acme","events":-2,"tokens":9223372036854775807}`), &read); err != nil || read != a {
		t.Errorf("got %v, %v, want %v", read, err, a)
	}
	if err := json.Unmarshal([]byte(`{"tokens":"many"}`), &read); err == nil {
		t.Error("took tokens that are no number")
	}
	array := strings.Trim(strings.ReplaceAll(fmt.Sprint(a), " ", ","), "[]")
	if err := read.Scan([]byte("{" + array + "}")); err != nil || read != a {
		t.Errorf("got %v, %v, want %v", read, err, a)
	}
	for _, src := range []any{nil, int64(1), []byte(""), []byte("{1}"), []byte("{1,NULL}"), []byte("{" + array + ",0}")} {
		if err := read.Scan(src); err == nil {
			t.Errorf("took %q", src)
		}
	}
}
