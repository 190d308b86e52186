package scripts

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// The fields of a hash of counters: of an open minute, of late events, or of a sum batch.
// counters.lua has the same knowledge in Lua. A field consists of a kind, which is a letter, and
// the parts that identify the counter, separated by tabs. The list of amounts (package meter)
// defines the kinds of amounts; x stands for such a kind, X for the same letter in upper case:
//
//	x <day> <tenant> <feature>     an amount of a feature on a day
//	X <minute> <tenant> <feature>  an amount of a feature in a minute; late events only
//	x <day> <tenant>               an amount that has a total: of all features on a day
//	d <tenant>                     the days above, each followed by a line feed
//	f <tenant>                     the "<day> <feature>" above, each followed by a line feed
//	f <tenant> 2, 3, ...           its continuation, if that is longer than 2 kB
//	f <tenant> n                   the number of the last continuation
//	m                              the minute of a sum batch, see sumPrefix
//
// day is the tenant's local date (meter.Day) when the event was acknowledged, minute the unix time
// in minutes. Values are decimal. An existing counter has a field for each amount, unless the
// amount is sparse and 0.
const (
	kindDays   = 'd'
	kindIndex  = 'f'
	kindMinute = 'm'
)

// scope is the range over which an amount in a field is added up.
type scope uint8

const (
	noAmount  scope = iota // an index, or the minute
	ofDay                  // a feature's day
	ofMinute               // a feature's minute
	ofAllOfIt              // a day of all features of a tenant
)

// kinds describes the fields by their kind.
var kinds [256]struct {
	scope  scope
	amount meter.Amount
}

// The kinds of each amount's counters, 0 for a total that the amount does not have, and what else
// writing them needs.
var (
	dayKind, minuteKind, totalKind [meter.NumAmounts]byte
	sparse                         [meter.NumAmounts]bool
	// totalled lists the amounts that have a total, in their order.
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

// upper returns a lower-case letter in upper case.
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
	if len(kind) != 1 || kinds[kind[0]].scope == noAmount ||
		ok != (kinds[kind[0]].scope != ofAllOfIt) ||
		strings.Contains(f.feature, "\t") {
		return f, false, fmt.Errorf("unexpected field %q", name)
	}
	f.kind = kind[0]
	if f.at, err = strconv.ParseInt(at, 10, 64); err != nil {
		return f, false, fmt.Errorf("unexpected field %q: %w", name, err)
	}
	return f, true, nil
}

// countersLua is counters.lua, preceded by the kinds that it uses.
var countersLua = luaKinds() + countersOnlyLua

// luaKinds returns the kinds of amounts as Lua tables, each in the order of the amounts.
func luaKinds() string {
	var day, minute, total []string
	tokens := 0 // place of their total
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
		fmt.Sprintf("local tokens_total, events_kind = %d, '%c'\n",
			tokens, meter.Events.Spec().Counter)
}
