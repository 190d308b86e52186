package query

import (
	"strings"
	"unicode"
)

// defuse puts an apostrophe before what a spreadsheet would take for a formula: names come
// from outside, and whoever opens the file must not run what they say.
//
// A formula begins with = + - or @, also in full width, and spreadsheets skip blanks and what
// is invisible before it. It begins where a cell does, and that is not up to the file: where a
// comma separates decimals, a semicolon separates cells, and the quotes around ours are in the
// middle of one. So what follows ; | tab or a line break is looked at like a cell of its own.
func defuse(cell string) string {
	var safe strings.Builder
	copied, begin, fresh := 0, 0, true // fresh: nothing since begin but what is skipped
	for at, r := range cell {
		switch {
		case r == ';' || r == '|' || r == '\t' || r == '\r' || r == '\n':
			if at == 0 && (r == '\t' || r == '\r') { // as this always has
				safe.WriteByte('\'')
			}
			begin, fresh = at+1, true
		case fresh && isFormula(r):
			safe.WriteString(cell[copied:begin])
			safe.WriteByte('\'')
			copied, fresh = begin, false
		case fresh && !isSkipped(r):
			fresh = false
		}
	}
	if copied == 0 && safe.Len() == 0 {
		return cell
	}
	safe.WriteString(cell[copied:])
	return safe.String()
}

func isFormula(r rune) bool {
	switch r {
	case '=', '+', '-', '@', '\uff1d', '\uff0b', '\uff0d', '\uff20':
		return true
	}
	return false
}

// isSkipped reports whether a formula may begin behind r: blanks, what is invisible, and a
// quote, which our writer doubles and others read as the beginning and end of nothing.
func isSkipped(r rune) bool {
	return r == '"' || unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Cc)
}
