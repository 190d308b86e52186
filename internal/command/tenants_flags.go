package command

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// What the flags of a tenant mean; a word in back quotes names the value in the help.
const (
	quotaUsage      = "`tokens` in a billing period, like 1_000_000; 0 for none"
	billingDayUsage = "`day` of the month on which a billing period starts, 1 to 31"
	zoneUsage       = "`zone` whose midnight counts, like Europe/Berlin"
	rateUsage       = "`events` a second that it may send, 1 to 1000000; 0 for any number," +
		" \"default\" for RATE_LIMIT"
	burstUsage   = "`events` that it may send at once (default as many as --rate-limit)"
	enforceUsage = "`mode` when the quota is used up: off accepts events, soft refuses them," +
		" strict also the one that would cross it"
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
		return 0,
			errors.New("must be an integer from 0 to 9223372036854775807; underscores may group digits")
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
	// which LoadLocation takes for UTC and for this machine's
	if err != nil || s == "" || s == "Local" {
		return nil, errors.New("must be a time zone of the IANA database, like Europe/Berlin")
	}
	return zone, nil
}

// rateFlags are --rate-limit and --rate-burst of a tenant or an API key.
type rateFlags struct {
	perSecond, burst int64
	own              bool // not "default"
}

// register adds the flags. With a least rate of 0 there is a default to go back to.
func (r *rateFlags) register(cmd *cobra.Command, usage string, least int64) {
	cmd.Flags().Func("rate-limit", usage, func(s string) (err error) {
		if r.own = least > 0 || s != "default"; r.own {
			r.perSecond, err = parseUpTo(s, least, meter.MaxRate)
		}
		return err
	})
	cmd.Flags().Func("rate-burst", burstUsage, func(s string) (err error) {
		r.burst, err = parseUpTo(s, 1, meter.MaxBurst)
		return err
	})
}

// change is what the flags ask for, nil if they are not given.
func (r *rateFlags) change(cmd *cobra.Command) (*store.RateChange, error) {
	if !cmd.Flags().Changed("rate-limit") {
		if cmd.Flags().Changed("rate-burst") {
			return nil, misuse("--rate-burst needs --rate-limit")
		}
		return nil, nil
	}
	if r.perSecond == 0 && cmd.Flags().Changed("rate-burst") {
		return nil, misuse("--rate-burst needs a --rate-limit above 0")
	}
	return &store.RateChange{Rate: meter.NewRate(r.perSecond, r.burst), Own: r.own}, nil
}

// parseUpTo reads an integer whose digits underscores may group.
func parseUpTo(s string, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if err != nil || !digits.MatchString(s) || n < least || n > most {
		return 0, fmt.Errorf("must be an integer from %d to %d", least, most)
	}
	return n, nil
}
