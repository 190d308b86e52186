// Package shipped has the prices that come with the program: those of common models, in USD. Their
// source, its licence and the date are in the first lines of prices.csv.
package shipped

import (
	_ "embed"
	"fmt"
	"regexp"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/price/change"
	"github.com/eduardosanzb/flagmeter/internal/price/source"
)

//go:embed prices.csv
var prices []byte

// head finds the source and the date in the first lines.
var head = regexp.MustCompile(`(?m)^# Source: (\S+ \S+).*\n(?:#.*\n)*# Date: (\S+)$`)

// Wanted is what the shipped prices want to be in force.
func Wanted(now time.Time) (change.Wanted, error) {
	list, err := source.Read("csv", prices)
	if err != nil {
		return change.Wanted{}, fmt.Errorf("read the shipped prices: %w", err)
	}
	if len(list.Faults) > 0 {
		return change.Wanted{}, fmt.Errorf("read the shipped prices: %s: %s", list.Faults[0].Entry,
			list.Faults[0].Reason)
	}
	m := head.FindSubmatch(prices)
	if m == nil {
		return change.Wanted{}, fmt.Errorf("read the shipped prices: no source and date")
	}
	checked, err := time.Parse(time.DateOnly, string(m[2]))
	if err != nil {
		return change.Wanted{}, fmt.Errorf("read the shipped prices: %w", err)
	}
	return change.Wanted{Rows: list.Rows, Names: list.Names, Now: now, Shipped: true,
		Source: "shipped: " + string(m[1]), CheckedAt: checked}, nil
}
