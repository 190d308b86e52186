package ingest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// rateStatus is what the headers RateLimit-Policy and RateLimit of
// draft-ietf-httpapi-ratelimit-headers-11 say about one limit. Quota units are events, which
// the draft's registry does not know.
type rateStatus struct {
	policy    string
	rate      meter.Rate
	remaining int64 // events that may be sent at once
	// reset is the time in which what was used comes back, or, of a refusal, after which the
	// request would pass.
	reset time.Duration
}

// statusAt is that of a bucket at a level.
func statusAt(policy string, rate meter.Rate, level int64) rateStatus {
	return rateStatus{policy, rate, max(0, (rate.Burst*micro-level)/micro),
		time.Duration((level+rate.PerSecond-1)/rate.PerSecond) * time.Microsecond}
}

// setRateLimits writes the headers: a policy's window is the time in which its burst comes
// back, in whole seconds and never less than that.
func setRateLimits(header http.Header, statuses []rateStatus) {
	var policies, limits []byte
	for i, s := range statuses {
		if i > 0 {
			policies, limits = append(policies, ", "...), append(limits, ", "...)
		}
		window := (s.rate.Burst + s.rate.PerSecond - 1) / s.rate.PerSecond
		policies = strconv.AppendInt(append(appendString(policies, s.policy), ";q="...), s.rate.Burst, 10)
		policies = strconv.AppendInt(append(policies, `;qu="events";w=`...), window, 10)
		limits = strconv.AppendInt(append(appendString(limits, s.policy), ";r="...), s.remaining, 10)
		limits = strconv.AppendInt(append(limits, ";t="...), seconds(s.reset), 10)
	}
	if len(statuses) > 0 {
		// As the draft spells them; Set would write Ratelimit.
		header["RateLimit-Policy"], header["RateLimit"] = []string{string(policies)}, []string{string(limits)}
	}
}

// seconds is d in whole seconds, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
