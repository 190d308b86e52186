package query

import (
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// alertsAnswer is the answer to GET /alerts. No URL and no secret is ever in it: the store
// does not even read them.
type alertsAnswer struct {
	Alerts []alertAnswer `json:"alerts"`
	Next   *string       `json:"next"`
}

type alertAnswer struct {
	ID          uuid.UUID        `json:"id"`
	Tenant      string           `json:"tenant"`
	Threshold   int              `json:"threshold"`
	Used        int64            `json:"used"`
	Quota       int64            `json:"quota"`
	Percent     float64          `json:"percent"`
	PeriodStart string           `json:"periodStart"`
	PeriodEnd   string           `json:"periodEnd"`
	State       string           `json:"state"`
	FiredAt     time.Time        `json:"firedAt"`
	ClearedAt   *time.Time       `json:"clearedAt"`
	Deliveries  []deliveryAnswer `json:"deliveries"`
}

type deliveryAnswer struct {
	ID            uuid.UUID   `json:"id"`
	Kind          string      `json:"kind"`
	Event         string      `json:"event"`
	Target        string      `json:"target"`
	Status        string      `json:"status"`
	Attempts      int         `json:"attempts"`
	NextAttemptAt *time.Time  `json:"nextAttemptAt"`
	DeliveredAt   *time.Time  `json:"deliveredAt"`
	LastError     *string     `json:"lastError"`
	Tries         []tryAnswer `json:"tries"`
}

type tryAnswer struct {
	At         time.Time `json:"at"`
	Status     *int      `json:"status"`
	Error      *string   `json:"error"`
	DurationMS int64     `json:"durationMs"`
	Answer     *string   `json:"answer"`
}

func newAlertsAnswer(alerts []store.Alert, next *string) alertsAnswer {
	answer := alertsAnswer{Alerts: make([]alertAnswer, len(alerts)), Next: next}
	for i, a := range alerts {
		state := "open"
		if a.ClearedAt != nil {
			state = "cleared"
		}
		answer.Alerts[i] = alertAnswer{
			ID: a.ID, Tenant: a.Tenant, Threshold: a.Threshold,
			Used: a.Used, Quota: a.Quota, Percent: meter.Percent(a.Used, a.Quota),
			PeriodStart: a.PeriodStart, PeriodEnd: a.PeriodEnd,
			State: state, FiredAt: a.FiredAt.UTC(), ClearedAt: inUTC(a.ClearedAt),
			Deliveries: make([]deliveryAnswer, len(a.Deliveries)),
		}
		for j, d := range a.Deliveries {
			answer.Alerts[i].Deliveries[j] = newDeliveryAnswer(d)
		}
	}
	return answer
}

func newDeliveryAnswer(d store.Delivery) deliveryAnswer {
	answer := deliveryAnswer{
		ID: d.ID, Kind: d.Kind, Event: d.Event, Target: d.Target(),
		Status: d.Status, Attempts: len(d.Attempts), NextAttemptAt: inUTC(d.NextAttemptAt),
		DeliveredAt: inUTC(d.DeliveredAt), LastError: d.LastError,
		Tries: make([]tryAnswer, len(d.Attempts)),
	}
	for i, a := range d.Attempts {
		answer.Tries[i] = tryAnswer{a.At.UTC(), a.Status, a.Error, a.DurationMS, a.Answer}
	}
	return answer
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
