package audit

import (
	"context"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// movingRows are the rows that may have an event on its way.
type movingRows struct {
	query Query
	rows  map[scripts.MinuteKey]bool
	// unreadable counts the raw events in Valkey whose row cannot be determined.
	unreadable int
}

func newMoving(q Query) *movingRows {
	return &movingRows{query: q, rows: map[scripts.MinuteKey]bool{}}
}

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
				_, e, err := record.Parse(text)
				if err != nil {
					m.unreadable++
					continue
				}
				row := rowOf(e)
				// The names are part of a batch, which the map would keep in memory.
				row.Tenant, row.Feature = strings.Clone(row.Tenant), strings.Clone(row.Feature)
				m.add(row)
			}
		}
	})
}

// rowOf returns the row of rollups that counts an event.
func rowOf(e meter.Event) scripts.MinuteKey {
	return scripts.MinuteKey{Tenant: e.Tenant, Feature: e.Feature, Minute: e.At.Unix() / 60}
}

// readCounted adds the rows of all counters in Valkey.
func (m *movingRows) readCounted(ctx context.Context, valkey *scripts.Valkey) error {
	return valkey.EachCounted(ctx, m.add)
}
