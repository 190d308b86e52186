package problem

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
)

// SetRateLimits writes the headers RateLimit-Policy and RateLimit of
// draft-ietf-httpapi-ratelimit-headers-11. Quota units are events, which the draft's registry does
// not know. A policy's window is the time in which its burst comes back, in whole seconds and never
// less than that.
func SetRateLimits(header http.Header, statuses []commit.RateStatus) {
	var policies, limits []byte
	for i, s := range statuses {
		if i > 0 {
			policies, limits = append(policies, ", "...), append(limits, ", "...)
		}
		window := (s.Rate.Burst + s.Rate.PerSecond - 1) / s.Rate.PerSecond
		policies = strconv.AppendInt(append(quoted(policies, s.Policy), ";q="...), s.Rate.Burst, 10)
		policies = strconv.AppendInt(append(policies, `;qu="events";w=`...), window, 10)
		limits = strconv.AppendInt(append(quoted(limits, s.Policy), ";r="...), s.Remaining, 10)
		limits = strconv.AppendInt(append(limits, ";t="...), seconds(s.Reset), 10)
	}
	if len(statuses) > 0 {
		// As the draft spells them; Set would write Ratelimit.
		header["RateLimit-Policy"] = []string{string(policies)}
		header["RateLimit"] = []string{string(limits)}
	}
}

func quoted(b []byte, policy string) []byte {
	b, _ = jsontext.AppendQuote(b, policy) // a policy's name is ASCII
	return b
}

// seconds is d in whole seconds, rounded up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
