package meter

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseMoney(t *testing.T) {
	for text, want := range map[string]Money{
		"0":                 0,
		"0.0":               0,
		"0.01095":           10_950_000,
		"0.000000001":       1,
		"0.10":              100_000_000,
		"3":                 3_000_000_000,
		"999999.999999999":  999_999_999_999_999,
		"1000000":           MaxCost,
		"1000000.000000000": MaxCost,
	} {
		if got, err := ParseMoney(text); got != want || err != nil {
			t.Errorf("ParseMoney(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	const form = "must be a decimal like 0.01095"
	for text, want := range map[string]string{
		"":                      "must not be empty",
		"0.0000000001":          "has 10 decimals, of which there may be 9",
		"0.1000000000":          "has 10 decimals",
		"3.000000000001":        "has 12 decimals",
		"-1":                    "must not be negative",
		"-0":                    "must not be negative",
		"1000000.000000001":     "must be at most 1000000",
		"1000001":               "must be at most 1000000",
		"9999999.999999999":     "must be at most 1000000",
		"99999999999999999999":  "must be at most 1000000",
		"1e3":                   form,
		"1E-3":                  form,
		".5":                    form,
		"5.":                    form,
		"01":                    form,
		"00":                    form,
		"+1":                    form,
		"--1":                   form,
		"1,5":                   form,
		"1_000":                 form,
		" 1":                    form,
		"1 ":                    form,
		"0x1":                   form,
		"NaN":                   form,
		"Infinity":              form,
		"1.2.3":                 form,
		"$3":                    form,
		"٣":                     form,
		"1.-5":                  form,
		strings.Repeat("9.", 9): form,
	} {
		if got, err := ParseMoney(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseMoney(%q) = %d, %v; want %q", text, got, err, want)
		}
	}
}

func TestMoneyHasNoTrailingZeros(t *testing.T) {
	for m, want := range map[Money]string{
		0: "0", 1: "0.000000001", 10_950_000: "0.01095", MoneyUnit: "1", 10 * MoneyUnit: "10",
		1_500_000_000: "1.5", -1: "-0.000000001", -2_500_000_000: "-2.5", MaxCost: "1000000",
		math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		if got := m.String(); got != want {
			t.Errorf("Money(%d) is %q, want %q", int64(m), got, want)
		}
	}
	if got := TokenPrice(3_750_000_000).String(); got != "3.75" {
		t.Errorf("a price is %q, want 3.75", got)
	}
}

func TestMoneyIsWhatItsTextSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64().Draw(t, "nano"))
		text := m.String()
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exact.Cmp(big.NewRat(int64(m), int64(MoneyUnit))) != 0 {
			t.Fatalf("Money(%d) is %q", int64(m), text)
		}
		if strings.Contains(text, ".") && strings.HasSuffix(text, "0") {
			t.Fatalf("Money(%d) is %q, with a trailing zero", int64(m), text)
		}
		back, err := ParseMoney(text)
		if inRange := m >= 0 && m <= MaxCost; inRange != (err == nil) || inRange && back != m {
			t.Fatalf("ParseMoney(%q) = %d, %v", text, back, err)
		}
	})
}

func FuzzParseMoney(f *testing.F) {
	for _, seed := range []string{"0.01095", "1000000", "-1", "1e9", "0.0000000001"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMoney(text)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok || exact.Cmp(big.NewRat(int64(m), int64(MoneyUnit))) != 0 || m < 0 || m > MaxCost {
			t.Fatalf("ParseMoney(%q) = %d", text, m)
		}
	})
}
