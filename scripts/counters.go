package scripts

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The fields of a hash of counters: of an open minute, of late events, or of a sum batch. In Lua,
// counters.lua knows the same. A field is a kind, a letter, and what it is of, with tabs between.
// The kinds of amounts are in their list (package meter); x stands for one, X for it in upper case:
//
//	x <day> <tenant> <feature>     an amount, of a feature on a day
//	X <minute> <tenant> <feature>  an amount, of a feature in a minute; late events only
//	x <day> <tenant>               an amount that has a total: of all features on a day
//	d <tenant>                     the days above, each followed by a line feed
//	f <tenant>                     the "<day> <feature>" above, each followed by a line feed
//	f <tenant> 2, 3, ...           its continuation, when that is longer than 2 kB
//	f <tenant> n                   the number of the last of them
//	m                              the minute of a sum batch, see sumPrefix
//
// where day is the tenant's local date (meter.Day) when the event was acknowledged, and minute the
// unix time in minutes. Values are decimal. A counter that exists has a field for each amount,
// unless that is sparse and 0.
const (
	kindDays   = 'd'
	kindIndex  = 'f'
	kindMinute = 'm'
)

// scope is what an amount in a field is added up over.
type scope uint8

const (
	noAmount  scope = iota // an index, or the minute
	ofDay                  // a feature's day
	ofMinute               // a feature's minute
	ofAllOfIt              // a day of all features of a tenant
)

// kinds says what fields hold, by their kind.
var kinds [256]struct {
	scope  scope
	amount meter.Amount
}

// The kinds of each amount's counters, 0 for a total that it does not have, and what else matters
// for writing them.
var (
	dayKind, minuteKind, totalKind [meter.NumAmounts]byte
	sparse                         [meter.NumAmounts]bool
	// totalled are the amounts that have a total, in their order.
	totalled []meter.Amount
	// usualFields is how many fields a counter of an open minute has if sparse amounts are 0.
	usualFields int
)

func init() {
	for a := range meter.NumAmounts {
		spec := a.Spec()
		dayKind[a], minuteKind[a], totalKind[a] = spec.Counter, upper(spec.Counter), spec.Total
		sparse[a] = spec.Sparse
		kinds[dayKind[a]].scope, kinds[dayKind[a]].amount = ofDay, a
		kinds[minuteKind[a]].scope, kinds[minuteKind[a]].amount = ofMinute, a
		if spec.Total != 0 {
			kinds[spec.Total].scope, kinds[spec.Total].amount = ofAllOfIt, a
			totalled = append(totalled, a)
		}
		switch {
		case spec.Sparse:
		case spec.Total != 0:
			usualFields += 2
		default:
			usualFields++
		}
	}
}

// upper is a lower-case letter in upper case.
func upper(letter byte) byte { return letter - 'a' + 'A' }

// field names a counter in a hash. at is the day, or the unix minute if the kind is of minutes.
type field struct {
	kind            byte
	at              int64
	tenant, feature string // no feature if the kind is a total
}

// append appends f's name.
func (f *field) append(to []byte) []byte {
	to = append(to, f.kind, '\t')
	to = strconv.AppendInt(to, f.at, 10)
	to = append(append(to, '\t'), f.tenant...)
	if kinds[f.kind].scope != ofAllOfIt {
		to = append(append(to, '\t'), f.feature...)
	}
	return to
}

// parseField reads the name of a field that holds an amount; ok is false for the others. The
// strings share memory with the name.
func parseField(name string) (f field, ok bool, err error) {
	kind, rest, _ := strings.Cut(name, "\t")
	switch kind {
	case string(kindDays), string(kindIndex), string(kindMinute):
		return f, false, nil
	}
	at, rest, _ := strings.Cut(rest, "\t")
	f.tenant, f.feature, ok = strings.Cut(rest, "\t")
	if len(kind) != 1 || kinds[kind[0]].scope == noAmount || ok != (kinds[kind[0]].scope != ofAllOfIt) ||
		strings.Contains(f.feature, "\t") {
		return f, false, fmt.Errorf("unexpected field %q", name)
	}
	f.kind = kind[0]
	if f.at, err = strconv.ParseInt(at, 10, 64); err != nil {
		return f, false, fmt.Errorf("unexpected field %q: %w", name, err)
	}
	return f, true, nil
}

// countersLua is counters.lua behind the kinds that it works with.
var countersLua = luaKinds() + countersOnlyLua

// luaKinds are the kinds of amounts as tables of Lua, each with the amounts in their order.
func luaKinds() string {
	var day, minute, total []string
	tokens := 0 // which of the totals is theirs
	for a := range meter.NumAmounts {
		spec := a.Spec()
		day = append(day, fmt.Sprintf("'%c'", spec.Counter))
		minute = append(minute, fmt.Sprintf("'%c'", upper(spec.Counter)))
		if spec.Total != 0 {
			total = append(total, fmt.Sprintf("'%c'", spec.Total))
		}
		if a == meter.Tokens {
			tokens = len(total)
		}
	}
	list := func(name string, kinds []string) string {
		return "local " + name + " = {" + strings.Join(kinds, ", ") + "}\n"
	}
	return list("day_kinds", day) + list("minute_kinds", minute) + list("total_kinds", total) +
		fmt.Sprintf("local tokens_total, events_kind = %d, '%c'\n", tokens, meter.Events.Spec().Counter)
}
