package importer

import (
	"regexp"
	"slices"
	"strings"
)

// Reasons to skip what is no event, as the end of a sentence that starts with the line.
const (
	isEmpty  = "is empty"
	isTotals = "is a totals row"
	isSum    = "is the sum of the rows above"
)

// noEvent says why a record is no event and no mistake either; "" if it is one of the two. sum
// is that of the tokens of the rows before, of which there are so many.
func (c columns) noEvent(record []string, sum, rows int64) string {
	label, blank := -1, true
	for i, cell := range record {
		switch {
		case strings.TrimSpace(cell) == "":
		case slices.Contains(c.tokens, i):
			blank = false
		case label < 0:
			label, blank = i, false
		case !isFigure.MatchString(cell): // the other columns may have totals as well
			return ""
		}
	}
	switch {
	case blank:
		return isEmpty
	case len(record) != len(c.header):
		return ""
	case label >= 0:
		// A row of a model that is called so has a time.
		timed := c.time >= 0 && c.time != label && strings.TrimSpace(record[c.time]) != ""
		if timed || !saysTotal(record[label]) {
			return ""
		}
		return isTotals
	case rows < 2 || len(c.header) == len(c.tokens):
		return ""
	}
	if tokens, err := c.count(record); err != nil || tokens != sum {
		return ""
	}
	return isSum
}

// isFigure is a number as reports write it, with signs, separators and currencies.
var isFigure = regexp.MustCompile(`^[\s\p{Sc}%]*[+-]?[0-9][0-9.,'\s]*[\s\p{Sc}%]*$`)

// totals are what people and programs call a totals row.
var totals = regexp.MustCompile(`(?i)^(((grand|sub|over ?all)[ -]?)?(totals?|sums?)` +
	`|(zwischen|gesamt)?summe|gesamt|insgesamt|total g[ée]n[ée]ral|sous-total|somme` +
	`|totale|totaal|suma|合计|合計|总计|總計|小计|小計|総計)` +
	`( (of|for|in|per|tokens|usage)\b.*|\s*\(.*\))?\s*:?$`)

func saysTotal(cell string) bool { return totals.MatchString(strings.TrimSpace(cell)) }
