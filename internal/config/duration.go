package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration of 0 or more that can also be written in days of 24 hours: 90d,
// 1d12h, or anything that time.ParseDuration reads. All settings and, as a pflag.Value, all flags
// use it for durations.
type Duration time.Duration

// day is the unit d.
const day = 24 * time.Hour

var errDuration = errors.New("must be a duration like 30d, 12h, 90s or 1d12h")

// ParseDuration reads a Duration. Its error completes a sentence that begins with the name of the
// setting or flag.
func ParseDuration(s string) (time.Duration, error) {
	rest := s
	var d time.Duration
	if days, behind, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > math.MaxInt64/uint64(day) {
			return 0, errDuration
		}
		if d, rest = time.Duration(n)*day, behind; rest == "" {
			return d, nil
		}
	}
	parsed, err := time.ParseDuration(rest)
	signed := rest != s && strings.HasPrefix(rest, "+")
	if err != nil || parsed < 0 || signed || parsed > math.MaxInt64-d {
		return 0, errDuration
	}
	return d + parsed, nil
}

// ParseKeep reads a retention rule: how many of the newest items to keep, like 7, or how long to
// keep each, a Duration above 0 like 14d or 36h. One of the two results is 0.
func ParseKeep(s string) (count int, age time.Duration, err error) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
		return int(n), 0, nil
	}
	d, err := ParseDuration(s)
	if err != nil || d == 0 {
		return 0, 0, errors.New("must be a time like 14d or 36h, or a number like 7")
	}
	return 0, d, nil
}

// UnmarshalText reads d from text.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err == nil {
		*d = Duration(parsed)
	}
	return err
}

// Set reads d as the value of a flag.
func (d *Duration) Set(s string) error { return d.UnmarshalText([]byte(s)) }

// Type is the name of the type in a flag's help.
func (d *Duration) Type() string { return "duration" }

// String returns text that ParseDuration reads, in whole days where possible.
func (d *Duration) String() string {
	switch n := time.Duration(*d); {
	case n == 0:
		return "0"
	case n > 0 && n%day == 0:
		return strconv.FormatInt(int64(n/day), 10) + "d"
	case n > 0 && n%time.Hour == 0:
		return strconv.FormatInt(int64(n/time.Hour), 10) + "h"
	case n > 0 && n%time.Minute == 0:
		return strconv.FormatInt(int64(n/time.Minute), 10) + "m"
	default:
		return n.String()
	}
}

// Positive is a Duration that must be above 0.
type Positive struct{ Duration }

// Set reads p as the value of a flag.
func (p *Positive) Set(s string) error {
	d, err := ParseDuration(s)
	if err == nil && d == 0 {
		err = errors.New("must be above 0, like 30d, 12h or 90s")
	}
	if err == nil {
		p.Duration = Duration(d)
	}
	return err
}
