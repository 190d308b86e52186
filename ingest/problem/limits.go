package problem

import (
	"fmt"
	"net/http"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
)

func rateLimited(e commit.RateLimited) *Problem {
	p := New(http.StatusTooManyRequests, "rate-limited", "Too many events",
		fmt.Sprintf("%s may send %d events a second, and %d at once; nothing was counted",
			sender(e.Tenant), e.Rate.PerSecond, e.Rate.Burst))
	p.RetryAfter, p.rates = e.Reset, []commit.RateStatus{e.RateStatus}
	return p
}

func largerThanBurst(e commit.LargerThanBurst) *Problem {
	return New(http.StatusRequestEntityTooLarge, "larger-than-burst", "More events than may be sent at once",
		fmt.Sprintf("%s may send %d events at once, the request has %d: divide it; nothing was counted",
			sender(e.Tenant), e.Rate.Burst, e.Events))
}

// sender is the subject of a sentence about a rate: a tenant or, for "", the API key.
func sender(tenant string) string {
	if tenant == "" {
		return "this API key"
	}
	return fmt.Sprintf("tenant %q", Clip(tenant))
}

// Excess are the members of a problem about a limit that is used up, or would be.
type Excess struct {
	Limit  string `json:"limit"`  // its name; a tenant's monthly quota is "quota"
	Unit   string `json:"unit"`   // of the figures
	Used   int64  `json:"used"`   // in the current window
	Held   int64  `json:"held"`   // by what was asked for and has not happened yet
	Amount int64  `json:"amount"` // what the limit allows
	Asked  int64  `json:"asked"`  // by the request
	// ResetsAt is when the window ends, and with it Used.
	ResetsAt time.Time `json:"resetsAt"`
}

// quotaExceeded has no Retry-After: clients slept until the end of the month.
func quotaExceeded(e commit.QuotaExceeded) *Problem {
	quota := e.Tenant.Quota
	detail := fmt.Sprintf("tenant %q has used %d of %d tokens in this billing period",
		Clip(e.Tenant.Shown()), e.Used, quota)
	if e.Used < quota {
		detail += ", and the request would exceed that"
	}
	p := New(http.StatusPaymentRequired, "quota-exceeded", "The quota is used up",
		detail+"; nothing was counted")
	p.Excess = &Excess{Limit: "quota", Unit: "tokens", Used: e.Used, Amount: quota, Asked: e.Asked,
		ResetsAt: e.End.UTC()}
	return p
}

func quotaHeld(e commit.QuotaHeld) *Problem {
	return Unavailable(fmt.Sprintf("a large request is being counted that may use up "+
		"the quota of tenant %q; nothing was counted", Clip(e.Tenant.Shown())))
}

func tooManyFeatures(e commit.TooManyFeatures) *Problem {
	p := New(http.StatusUnprocessableEntity, "feature-limit", "Too many features",
		fmt.Sprintf("tenant %q has %d features in use and may have %d; nothing was counted",
			Clip(e.Tenant), e.Has, e.Most))
	for _, i := range e.Indexes {
		p.List(FieldError{Index: &i, Field: "feature",
			Detail: fmt.Sprintf("would be one too many: %q", Clip(e.Feature))})
	}
	return p
}
