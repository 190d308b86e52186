package meter

import (
	"cmp"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// CheckName says what is wrong with a tenant's, feature's or event id's text, as
// the end of a sentence that starts with the field's name; "" means it is fine.
// Control characters are refused because names become fields of COPY lines and of
// Valkey hashes, where tab and line feed are separators.
func CheckName(s string) string {
	if isPlain(s) {
		return ""
	}
	switch {
	case s == "":
		return "must not be empty"
	case !utf8.ValidString(s):
		return "must be valid UTF-8"
	case utf8.RuneCountInString(s) > MaxName:
		return "must have at most 128 characters"
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return "must not contain control characters"
		}
	}
	return ""
}

// CheckTenant is CheckName for a tenant, who must also have an address.
func CheckTenant(s string) string {
	return cmp.Or(CheckName(s), CheckSegment(s))
}

// CheckSegment says what is wrong with a name as part of a URL's path, as CheckName does.
// Browsers and clients take these two for directories, even with their dots escaped, so that
// /usage/.. would be another page.
func CheckSegment(s string) string {
	if s == "." || s == ".." {
		return "must not be . or .., which no URL can hold as a name"
	}
	return ""
}

// Defaults stands in the place of a tenant's name for what holds for all tenants. No tenant may be
// called so; one that is, from before this rule, keeps working.
const Defaults = "*"

// CheckReserved says what is wrong with a tenant's name that stands for something else, as
// CheckName does. The trigger tenant_names_reserved of migration 0017 knows the same rule.
func CheckReserved(s string) string {
	if s == Defaults {
		return "must not be *, which stands for the defaults of all tenants"
	}
	return ""
}

// CheckLook says, as CheckName does, why people would take a name for another one. New tenants
// and features may not have such a name: "shop" and "shop " would be two customers with two
// quotas. Those that have one keep it. s has passed CheckName. The function name_fault of
// migration 0015 knows the same rule.
//
// Event ids are not held against it, nor normalised: a client repeats an id byte for byte, and
// two ids that only look alike are two events, of which none may be lost.
func CheckLook(s string) string {
	if isPlain(s) {
		return ""
	}
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	if unicode.IsSpace(first) || unicode.IsSpace(last) {
		return "must not begin or end with a blank"
	}
	for _, r := range s {
		if unseen(r) {
			return fmt.Sprintf("must not contain %U, which cannot be seen or told from a space", r)
		}
	}
	return ""
}

// CheckNewTenant is CheckTenant, CheckReserved and CheckLook, for a tenant that is not there yet.
func CheckNewTenant(s string) string {
	return cmp.Or(CheckTenant(s), CheckReserved(s), CheckLook(s))
}

// Normal is a name in Unicode's normalisation form C, in which é has one spelling instead of
// two that look the same. It allocates only if s is in another form.
func Normal(s string) string {
	if IsNormal(s) {
		return s
	}
	return norm.NFC.String(s)
}

// IsNormal reports whether a name is in normalisation form C, as all ASCII is.
func IsNormal(s string) bool { return isASCII(s) || norm.NFC.IsNormalString(s) }

// Quote is a name as a list prints it: as it is or, where that could be taken for another
// name, in quotes and with escapes for what cannot be seen.
func Quote(s string) string {
	switch {
	case !IsNormal(s):
		return strconv.QuoteToASCII(s)
	case CheckLook(s) != "":
		return strconv.Quote(s)
	}
	return s
}

// isPlain reports whether s is all that a name may be, in ASCII: most are, and need no more
// than this one look.
func isPlain(s string) bool {
	if s == "" || len(s) > MaxName || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unseen reports whether a character takes no place, turns the text around it, or is a blank
// that is neither the space nor that of Chinese and Japanese, which is twice as wide.
func unseen(r rune) bool {
	const ideographicSpace = '\u3000'
	return r > '~' && r != ideographicSpace && unicode.Is(unseenTable, r) &&
		!unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// unseenTable is one table of what unicode.In would look for in seven.
var unseenTable = rangetable.Merge(unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
	rangetable.New('\u2800')) // the braille blank
