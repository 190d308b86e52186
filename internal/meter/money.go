package meter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Money is an amount of the deployment's CURRENCY in nano-units: 1,000,000,000 are one dollar, or
// one euro. Sums of it are exact. An amount that takes back another one is negative.
type Money int64

// TokenPrice is a price in nano-units of CURRENCY for 1,000,000 tokens. 3 dollars per million
// tokens are 3,000,000,000. An explicit 0 is free.
type TokenPrice int64

const (
	// MoneyUnit is one unit of CURRENCY.
	MoneyUnit Money = 1_000_000_000
	// MaxCost is the most that one event may cost: 1,000,000 units.
	MaxCost = 1_000_000 * MoneyUnit
	// MaxTokenPrice is the highest price: 1,000,000 units for 1,000,000 tokens.
	MaxTokenPrice = TokenPrice(MaxCost)

	moneyDecimals = 9
)

// String is the amount as a decimal, with at most 9 decimals and no trailing zeros, like 0.01095.
func (m Money) String() string { return string(m.AppendTo(make([]byte, 0, 24))) }

// AppendTo appends what String returns.
func (m Money) AppendTo(b []byte) []byte {
	n := uint64(m)
	if m < 0 {
		b, n = append(b, '-'), -n // right for -2^63, too
	}
	b = strconv.AppendUint(b, n/uint64(MoneyUnit), 10)
	fraction := n % uint64(MoneyUnit)
	if fraction == 0 {
		return b
	}
	b = append(b, '.')
	for unit := uint64(MoneyUnit) / 10; fraction > 0; unit /= 10 {
		b = append(b, '0'+byte(fraction/unit))
		fraction %= unit
	}
	return b
}

// ParseMoney reads an amount from 0 to MaxCost as a decimal: digits, and up to 9 decimals after a
// point. Its error is the end of a sentence that starts with the field's name.
func ParseMoney(s string) (Money, error) {
	if s == "" {
		return 0, errors.New("must not be empty")
	}
	unsigned, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(unsigned, ".")
	switch {
	case !isDigits(whole), point && !isDigits(fraction), len(whole) > 1 && whole[0] == '0':
		return 0, fmt.Errorf("must be a decimal like 0.01095, not %.40q", s)
	case negative:
		return 0, errors.New("must not be negative")
	case len(fraction) > moneyDecimals:
		return 0, fmt.Errorf("has %d decimals, of which there may be %d", len(fraction), moneyDecimals)
	}
	const most = "must be at most 1000000"
	if len(whole) > len("1000000") {
		return 0, errors.New(most)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", moneyDecimals-len(fraction)), 10, 64)
	if err != nil || Money(n) > MaxCost {
		return 0, errors.New(most)
	}
	return Money(n), nil
}

// String is the price of 1,000,000 tokens as Money.String has it.
func (p TokenPrice) String() string { return Money(p).String() }

// ParseTokenPrice reads the price of 1,000,000 tokens as ParseMoney reads an amount.
func ParseTokenPrice(s string) (TokenPrice, error) {
	m, err := ParseMoney(s)
	return TokenPrice(m), err
}

// CheckCurrency says what is wrong with the name of a currency, as CheckName does.
func CheckCurrency(s string) string {
	if len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return "must be three capital letters, like USD"
	}
	return ""
}

// isDigits reports whether s is one decimal digit or several.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
