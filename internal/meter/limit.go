package meter

import "fmt"

// Rate is a limit on the events of a tenant or an API key: Burst at once, and PerSecond in
// the long run. The zero Rate is no limit.
type Rate struct {
	PerSecond int64 // events, 0 to MaxRate
	Burst     int64 // events, 1 to MaxBurst unless PerSecond is 0
}

const (
	// MaxRate is the largest Rate.PerSecond.
	MaxRate = 1_000_000
	// MaxBurst is the largest Rate.Burst.
	MaxBurst = 1_000_000_000
)

// NewRate is a rate of perSecond with that burst, or as much as a second's worth if burst is
// 0. A perSecond of 0 is no limit, whatever the burst.
func NewRate(perSecond, burst int64) Rate {
	switch {
	case perSecond == 0:
		return Rate{}
	case burst == 0:
		burst = perSecond
	}
	return Rate{PerSecond: perSecond, Burst: burst}
}

// Limited reports whether r is a limit.
func (r Rate) Limited() bool { return r.PerSecond > 0 }

// Enforcement says what becomes of events once a tenant's quota is used up.
type Enforcement uint8

const (
	// EnforceOff accepts them: a quota is for alerts alone.
	EnforceOff Enforcement = iota
	// EnforceSoft refuses them: the event that crosses the quota is the last.
	EnforceSoft
	// EnforceStrict refuses also the event that would cross it.
	EnforceStrict
)

var enforcements = []string{EnforceOff: "off", EnforceSoft: "soft", EnforceStrict: "strict"}

// String is off, soft or strict.
func (e Enforcement) String() string { return enforcements[e] }

// ParseEnforcement reads what String writes.
func ParseEnforcement(s string) (Enforcement, error) {
	for i, name := range enforcements {
		if s == name {
			return Enforcement(i), nil
		}
	}
	return EnforceOff, fmt.Errorf("must be off, soft or strict, not %q", s)
}
