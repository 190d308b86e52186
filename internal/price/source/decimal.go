package source

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

const (
	// perMillion shifts units of money for 1,000,000 tokens to nano-units.
	perMillion = 9
	// perToken shifts units of money for one token to nano-units for 1,000,000.
	perToken = 15
)

// number is what JSON calls one.
var number = regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,4}))?$`)

// exact is a decimal times 10^shift. It fails if that is no integer: floating point takes no part.
func exact(text string, shift int) (meter.TokenPrice, error) {
	m := number.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("must be a number, not %.40q", text)
	}
	exponent := 0
	if m[4] != "" {
		exponent, _ = strconv.Atoi(m[4]) // at most four digits
	}
	digits := strings.TrimLeft(m[2]+m[3], "0")
	if digits == "" {
		return 0, nil
	}
	if m[1] != "" {
		return 0, errors.New("must not be negative")
	}
	exponent += shift - len(m[3])
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant)
	if exponent < 0 {
		return 0, fmt.Errorf("%s has %d decimals for 1,000,000 tokens, of which there may be %d",
			text, perMillion-exponent, perMillion)
	}
	most := fmt.Errorf("%s is more than %s for 1,000,000 tokens", text, meter.MaxTokenPrice)
	if len(significant)+exponent > len("1000000000000000") {
		return 0, most
	}
	n, err := strconv.ParseInt(significant+strings.Repeat("0", exponent), 10, 64)
	if err != nil || meter.TokenPrice(n) > meter.MaxTokenPrice {
		return 0, most
	}
	return meter.TokenPrice(n), nil
}
