package price

import (
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// digit stands for one decimal digit in a pattern.
const digit = '#'

// IsPattern reports whether a declared name is a pattern.
func IsPattern(name string) bool { return strings.IndexByte(name, digit) >= 0 }

// CheckDeclared says what is wrong with an alias or a pattern, as meter.CheckName does.
func CheckDeclared(name string) string {
	if strings.IndexByte(name, digit) == 0 {
		return "must not begin with #, which stands for a digit"
	}
	return meter.CheckName(name)
}

// split divides a pattern before its first digit: gpt-4o- and ####-##-##.
func split(pattern string) (prefix, shape string) {
	i := strings.IndexByte(pattern, digit)
	return pattern[:i], pattern[i:]
}

// hasShape reports whether name ends as shape says, behind at least one character.
func hasShape(name, shape string) bool {
	if len(name) <= len(shape) {
		return false
	}
	end := name[len(name)-len(shape):]
	for i := range len(shape) {
		if shape[i] == digit {
			if end[i] < '0' || end[i] > '9' {
				return false
			}
		} else if end[i] != shape[i] {
			return false
		}
	}
	return true
}
