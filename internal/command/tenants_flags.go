package command

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What the flags of a tenant mean; a word in back quotes names the value in the help.
const (
	quotaUsage      = "`tokens` in a billing period, like 1_000_000; 0 for none"
	billingDayUsage = "`day` of the month on which a billing period starts, 1 to 31"
	zoneUsage       = "`zone` whose midnight counts, like Europe/Berlin"
	thresholdsUsage = "`percents` of the quota at which to alert, like 80,100; \"\" for no alerts"
)

// setter makes a flag's function that parses the flag's value into to.
func setter[T any](parse func(string) (T, error), to *T) func(string) error {
	return func(s string) (err error) {
		value, err := parse(s)
		if err == nil {
			*to = value
		}
		return err
	}
}

// optional makes a parser whose result tells "not given" from every value.
func optional[T any](parse func(string) (T, error)) func(string) (*T, error) {
	return func(s string) (*T, error) {
		value, err := parse(s)
		return &value, err
	}
}

// digits are those of a number that underscores may group.
var digits = regexp.MustCompile(`^[0-9]+(_[0-9]+)*$`)

func parseQuota(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if err != nil || !digits.MatchString(s) {
		return 0, errors.New("must be an integer from 0 to 9223372036854775807; underscores may group digits")
	}
	return n, nil
}

func parseBillingDay(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 31 {
		return 0, errors.New("must be an integer from 1 to 31")
	}
	return n, nil
}

// parseZone wants a zone of the IANA database. Whether Postgres knows it too is found out
// when it is stored there.
func parseZone(s string) (*time.Location, error) {
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" || s == "Local" { // which LoadLocation takes for UTC and for this machine's
		return nil, errors.New("must be a time zone of the IANA database, like Europe/Berlin")
	}
	return zone, nil
}
