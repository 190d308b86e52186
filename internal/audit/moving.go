package audit

import (
	"context"
	"strings"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// movingRows are the rows of which an event may be on its way.
type movingRows struct {
	query Query
	rows  map[scripts.MinuteKey]bool
	// unreadable is how many raw events Valkey holds that no row can be told of.
	unreadable int
}

func newMoving(q Query) *movingRows { return &movingRows{query: q, rows: map[scripts.MinuteKey]bool{}} }

func (m *movingRows) add(row scripts.MinuteKey) {
	if m.query.contains(row) {
		m.rows[row] = true
	}
}

// readRaw adds the rows of all raw events in Valkey.
func (m *movingRows) readRaw(ctx context.Context, valkey *scripts.Valkey) error {
	return valkey.EachRaw(ctx, func(groups []string) {
		for _, group := range groups {
			for text := range strings.SplitSeq(group, "\n") {
				if line, ok := parseLine(text); ok {
					// The text is part of a batch, which the map would keep in memory.
					m.add(scripts.MinuteKey{Tenant: strings.Clone(line.row.Tenant), Feature: strings.Clone(line.row.Feature), Minute: line.row.Minute})
				} else {
					m.unreadable++
				}
			}
		}
	})
}

// readCounted adds the rows of all counters in Valkey.
func (m *movingRows) readCounted(ctx context.Context, valkey *scripts.Valkey) error {
	return valkey.EachCounted(ctx, m.add)
}
