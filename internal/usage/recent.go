package usage

import (
	"context"
	"math"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

// RecentMinutes is the number of minutes in an overview: those of the last hour.
const RecentMinutes = 60

// minutes are a tenant's settled tokens, minute by minute. They are immutable.
type minutes struct {
	first  int64 // unix minute of tokens[0]
	tokens []int64
}

// span is a range of unix minutes, both ends included.
type span struct{ first, last int64 }

var everything = span{0, math.MaxInt64}

// with is the smallest span that holds both; the zero span holds nothing.
func (s span) with(other span) span {
	if s == (span{}) {
		return other
	}
	return span{min(s.first, other.first), max(s.last, other.last)}
}

// renewed returns m from the unix minute first on, with its minutes in s replaced by the ones read
// again.
func (m *minutes) renewed(first int64, s span, read map[int64]int64) *minutes {
	next := &minutes{first: first}
	set := func(minute, tokens int64) {
		for int64(len(next.tokens)) <= minute-first {
			next.tokens = append(next.tokens, 0)
		}
		next.tokens[minute-first] = tokens
	}
	if m != nil {
		for i, tokens := range m.tokens {
			minute := m.first + int64(i)
			if minute >= first && tokens != 0 && (minute < s.first || minute > s.last) {
				set(minute, tokens)
			}
		}
	}
	for minute, tokens := range read {
		set(minute, tokens)
	}
	if next.tokens == nil {
		return nil
	}
	return next
}

// readRecent fills next.recent: from prev, and from the snapshot where a batch has changed it.
func (l *Live) readRecent(
	ctx context.Context, tx *sqlx.Tx, prev, next *view, changed map[string]span) error {
	first := next.taken.Unix()/60 - RecentMinutes + 1
	next.recent = make(map[string]*minutes, len(prev.recent))
	spans := map[string]span{}
	var ask []store.TenantMinutes
	for name := range next.tenants {
		s, isChanged := changed[name]
		if _, known := prev.tenants[name]; !known {
			s, isChanged = everything, true
		}
		if !isChanged || s.last < first {
			if before := prev.recent[name]; before != nil {
				next.recent[name] = before
			}
			continue
		}
		// Events are at most 5 minutes ahead of their time, so the span ends soon after now.
		s = span{max(s.first, first), min(s.last, first+2*RecentMinutes)}
		spans[name] = s
		ask = append(ask, store.TenantMinutes{Tenant: name, First: s.first, Last: s.last})
	}
	if len(ask) == 0 {
		return nil
	}
	rows, err := store.MinuteUsages(ctx, tx, ask, first)
	if err != nil {
		return err
	}
	read := map[string]map[int64]int64{}
	for _, row := range rows {
		if read[row.Tenant] == nil {
			read[row.Tenant] = map[int64]int64{}
		}
		read[row.Tenant][row.Minute] = row.Tokens
	}
	for name, s := range spans {
		if m := prev.recent[name].renewed(first, s, read[name]); m != nil {
			next.recent[name] = m
		}
	}
	return nil
}
