package store

import (
	"strconv"
	"strings"

	"github.com/lib/pq"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The pieces of statements that name amounts are made here, of their list. A bigint[] of amounts
// has all of them in their order, and is read by meter.Amounts.

// AmountColumns are the columns of the tables of sums: total_tokens, events.
var AmountColumns = EachAmount(", ", func(a meter.AmountSpec) string { return a.Column })

// EachAmount joins what say makes of each amount.
func EachAmount(separator string, say func(meter.AmountSpec) string) string {
	var parts [meter.NumAmounts]string
	for a := range meter.NumAmounts {
		parts[a] = say(a.Spec())
	}
	return strings.Join(parts[:], separator)
}

// OfEvent is what a row of events adds to an amount.
func OfEvent(a meter.AmountSpec) string {
	if a.EventColumn == "" {
		return "1"
	}
	return "coalesce(" + a.EventColumn + ", 0)"
}

// AddAmounts are assignments that add the row excluded to the row of a table, for ON CONFLICT.
func AddAmounts(table string) string {
	return EachAmount(", ", func(a meter.AmountSpec) string {
		return a.Column + " = " + table + "." + a.Column + " + excluded." + a.Column
	})
}

// SetAmounts are assignments that take over the amounts of the row excluded.
func SetAmounts() string {
	return EachAmount(", ", func(a meter.AmountSpec) string { return a.Column + " = excluded." + a.Column })
}

// SumAmounts is a bigint[] of the sums of rows of a table of sums.
func SumAmounts() string {
	return ArrayOf(func(a meter.AmountSpec) string { return BoundedSum(a.Column) })
}

// ArrayOf is a bigint[] of what say makes of each amount.
func ArrayOf(say func(meter.AmountSpec) string) string {
	return "ARRAY[" + EachAmount(", ", say) + "]::bigint[]"
}

// BoundedSum adds up a bigint, 0 for no row, and stops where meter.Add does instead of failing.
func BoundedSum(of string) string {
	return "greatest(least(coalesce(sum(" + of + "), 0), 9223372036854775807), -9223372036854775807)::bigint"
}

// AmountRows are the amounts of many rows as arguments of a statement, an array for each amount.
type AmountRows [meter.NumAmounts][]int64

// Add appends a row.
func (r *AmountRows) Add(amounts meter.Amounts) {
	for a, n := range amounts {
		r[a] = append(r[a], n)
	}
}

// Arguments are the arrays as arguments behind others.
func (r *AmountRows) Arguments(others ...any) []any {
	for _, column := range r {
		others = append(others, pq.Array(column))
	}
	return others
}

// AmountParameters name Arguments behind so many others, for unnest.
func AmountParameters(others int) string {
	return EachAmount(", ", func(meter.AmountSpec) string {
		others++
		return "$" + strconv.Itoa(others) + "::bigint[]"
	})
}
