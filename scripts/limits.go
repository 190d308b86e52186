package scripts

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Limits are the limits of a group's requests (limits.lua). Requests need not contain a request
// that nothing limits.
type Limits struct {
	Rates  []RateLimit
	Quotas []QuotaLimit
	// Features are the features among the group's counters that the caller has not seen yet.
	// MostFeatures is how many a tenant may have.
	Features     []Feature
	MostFeatures int
	// Full are the tenants that recently had no room for another feature. For these the call does
	// not search for features that can be forgotten.
	Full     map[string]bool
	Requests []Request
}

// RateLimit is the bucket of a tenant or an API key.
type RateLimit struct {
	Bucket string // see TenantBucket and KeyBucket
	Rate   meter.Rate
}

// TenantBucket names the bucket of a tenant, KeyBucket the bucket of an API key.
func TenantBucket(tenant string) string { return "t:" + tenant }
func KeyBucket(id string) string        { return "k:" + id }

// QuotaLimit is a tenant whose quota is enforced: its current period, the usage in that period that
// Postgres has, and the quota, all in tokens.
type QuotaLimit struct {
	meter.TenantDays
	Settled, Quota int64
}

// Feature is a feature of a tenant.
type Feature struct{ Tenant, Feature string }

// Request is what one request takes of the limits. It names each limit at most once.
type Request struct {
	Costs    []Cost
	Needs    []Need
	Features []int // places in Limits.Features
}

// Cost is the number of events that count towards the rate at that place in Limits.Rates.
type Cost struct{ Rate, Events int }

// Need is what a request takes of the quota at that place in Limits.Quotas.
type Need struct {
	Quota int
	// Room is how many tokens must be left before the request; Tokens is how many it uses.
	Room, Tokens int64
}

// Reason is the kind of limit that a request exceeds.
type Reason string

const (
	OverRate     Reason = "rate"
	OverQuota    Reason = "quota"
	OverFeatures Reason = "features"
	// Held: there is room only if a large request in progress is given up. Try again.
	Held Reason = "held"
	// UnknownUsage: the caller's view of Postgres is too old to determine the usage.
	UnknownUsage Reason = "view"
)

// Refusal describes why a request was refused.
type Refusal struct {
	Request int // its place in Limits.Requests
	Reason  Reason
	Which   int           // the limit's place in its list
	Wait    time.Duration // OverRate: until it would pass without other requests
	Used    int64         // OverQuota: tokens; OverFeatures: features
}

// encode returns l in the form that limits.lua reads; q is what the caller knows from Postgres.
func (l *Limits) encode(shard int, q Query) string {
	type list = []any
	requests := make([]map[string]any, len(l.Requests))
	for i, r := range l.Requests {
		var costs, needs, features list
		for _, c := range r.Costs {
			costs = append(costs, c.Rate+1, c.Events)
		}
		for _, n := range r.Needs {
			needs = append(needs, n.Quota+1, tokenText(n.Room), tokenText(n.Tokens))
		}
		for _, f := range r.Features {
			features = append(features, f+1)
		}
		requests[i] = map[string]any{"rates": emptied(costs), "quotas": emptied(needs),
			"features": emptied(features)}
	}
	rates, quotas, features := list{}, list{}, list{}
	for _, r := range l.Rates {
		rates = append(rates, list{ratePrefix(shard) + r.Bucket, r.Rate.PerSecond, r.Rate.Burst})
	}
	for _, t := range l.Quotas {
		quotas = append(quotas, list{t.Tenant, int(t.From), int(t.To),
			tokenText(t.Settled), tokenText(t.Quota)})
	}
	for _, f := range l.Features {
		search := 1
		if l.Full[f.Tenant] {
			search = 0
		}
		features = append(features, list{featuresPrefix(shard) + f.Tenant, f.Feature, search})
	}
	all := map[string]any{"rates": rates, "quotas": quotas, "features": features,
		"most": l.MostFeatures, "requests": requests}
	if len(quotas) > 0 {
		all["view"] = map[string]any{"seq": q.Position, "missing_from": q.MissingFrom,
			"settled": append([]string{}, q.Settled...),
			"minute":  minutePrefix(shard), "sum": sumPrefix(shard), "request": requestPrefix(shard)}
	}
	text, err := json.Marshal(all)
	if err != nil { // nothing in it can fail
		panic(err)
	}
	return string(text)
}

// emptied returns l, or an empty list instead of null.
func emptied(l []any) []any {
	if l == nil {
		return []any{}
	}
	return l
}

func tokenText(n int64) string { return strconv.FormatInt(n, 10) }

func parseLevels(reply any) ([]int64, error) {
	texts, _ := reply.([]any)
	levels := make([]int64, len(texts))
	for i, text := range texts {
		level, err := strconv.ParseInt(fmt.Sprint(text), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("ingest group: unexpected level: %w", err)
		}
		levels[i] = level
	}
	return levels, nil
}

// parseRefused adds the reply 'refused' to out.
func parseRefused(out Outcome, reply []any) (_ Outcome, err error) {
	if len(reply) < 3 {
		return out, fmt.Errorf("ingest group: unexpected reply of %d parts", len(reply))
	}
	parts, _ := reply[1].([]any)
	for i := 0; i+3 < len(parts); i += 4 {
		request, _ := parts[i].(int64)
		which, _ := parts[i+2].(int64)
		r := Refusal{Request: int(request) - 1, Reason: Reason(fmt.Sprint(parts[i+1])),
			Which: int(which) - 1}
		switch value := fmt.Sprint(parts[i+3]); r.Reason {
		case OverRate:
			us, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return out, fmt.Errorf("ingest group: unexpected wait: %w", err)
			}
			r.Wait = time.Duration(min(us, math.MaxInt64/1000)) * time.Microsecond
		case OverQuota, OverFeatures:
			if r.Used, err = strconv.ParseInt(value, 10, 64); err != nil {
				r.Used = math.MaxInt64 // more than that
			}
		}
		out.Refused = append(out.Refused, r)
	}
	if len(out.Refused) == 0 {
		return out, fmt.Errorf("ingest group: nothing is refused: %v", reply)
	}
	out.Levels, err = parseLevels(reply[2])
	return out, err
}
