package meter

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestCheckName(t *testing.T) {
	const (
		long    = "must have at most 128 characters"
		control = "must not contain control characters"
	)
	for _, c := range []struct{ name, text, want string }{
		{"plain", "acme-corp", ""},
		{"one character", "a", ""},
		{"spaces and punctuation", "Acme Corp. / EU", ""},
		{"128 characters", strings.Repeat("a", 128), ""},
		{"128 characters of four bytes", strings.Repeat("🦉", 128), ""},
		{"empty", "", "must not be empty"},
		{"129 characters", strings.Repeat("é", 129), long},
		{"10 kB", strings.Repeat("a", 10_000), long},
		{"tab, the separator of COPY", "a\tb", control},
		{"line feed, the end of a COPY line", "a\n", control},
		{"NUL, which Postgres cannot store", "\x00", control},
		{"DEL", "a\x7f", control},
		{"C1", "a\u0085b", control},
		{"invalid UTF-8", "a\xff", "must be valid UTF-8"},
		{"a surrogate in UTF-8", "\xed\xa0\x80", "must be valid UTF-8"},
	} {
		if got := CheckName(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCheckTenant(t *testing.T) {
	const directory = "must not be . or .., which no URL can hold as a name"
	for text, want := range map[string]string{"acme": "", "...": "", "a/..": "", ".": directory, "..": directory, "": "must not be empty"} {
		if got := CheckTenant(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCheckNewTenant(t *testing.T) {
	const (
		reserved = "must not be *, which stands for the defaults of all tenants"
		blank    = "must not begin or end with a blank"
	)
	for text, want := range map[string]string{
		"acme": "", "**": "", "a*": "", "*": reserved, " *": blank, "": "must not be empty",
	} {
		if got := CheckNewTenant(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if wrong := CheckTenant(Defaults); wrong != "" {
		t.Errorf("a tenant from before: %q", wrong)
	}
}

func TestCheckTokens(t *testing.T) {
	const want = "must be an integer from 0 to 1000000000000"
	for n, ok := range map[int64]bool{
		0: true, 1: true, 1_500: true, MaxTokens: true,
		-1: false, MaxTokens + 1: false, math.MaxInt64: false, math.MinInt64: false,
	} {
		if got := CheckTokens(n); (got == "") != ok || !ok && got != want {
			t.Errorf("CheckTokens(%d) = %q", n, got)
		}
	}
}

func TestCheckTime(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, want string
		at         time.Time
	}{
		{"now", "", now},
		{"35 days ago", "", now.Add(-MaxAge)},
		{"35 days and a nanosecond ago", "must not be more than 35 days in the past", now.Add(-MaxAge - 1)},
		{"a year ago", "must not be more than 35 days in the past", now.AddDate(-1, 0, 0)},
		{"in 5 minutes", "", now.Add(MaxAhead)},
		{"in 5 minutes and a nanosecond", "must not be more than 5 minutes in the future", now.Add(MaxAhead + 1)},
	} {
		if got := CheckTime(c.at, now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
