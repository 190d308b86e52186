package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that can also be written in days of 24 hours: 90d, or whatever
// time.ParseDuration reads.
type Duration time.Duration

// day is what d stands for.
const day = 24 * time.Hour

var errDays = errors.New("not a whole number of days from 0 to 106751")

// ParseKeep reads of how many things the newest stay, like 7, or for how long each does, a
// Duration above 0 like 14d or 36h. One of the two is 0.
func ParseKeep(s string) (count int, age time.Duration, err error) {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
		return int(n), 0, nil
	}
	var d Duration
	if err := d.UnmarshalText([]byte(s)); err != nil || d == 0 {
		return 0, 0, errors.New("must be a time like 14d or 36h, or a number like 7")
	}
	return 0, time.Duration(d), nil
}

// UnmarshalText reads it; a negative one is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > math.MaxInt64/uint64(day) {
			return errDays
		}
		*d = Duration(n) * Duration(day)
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err == nil && parsed < 0 {
		return errors.New("negative duration")
	}
	*d = Duration(parsed)
	return err
}
