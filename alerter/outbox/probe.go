package outbox

import (
	"context"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/alerter/notify"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

const (
	// maxProbe is how many characters of an answer are shown.
	maxProbe = 500
	// probesAtOnce is how many webhooks are tried at the same time.
	probesAtOnce = 8
)

// Probe is the result of trying a webhook. It is neither stored nor retried.
type Probe struct {
	Target string // such as "slack default"; never the URL
	Status int    // of the HTTP answer; 0: there was none
	Error  string // empty: it works
	Answer string // the beginning of the answer, without secrets
	Took   time.Duration
}

// Row returns the table and id of the webhook; ok is false for the webhook of SLACK_WEBHOOK_URL.
func (p Probe) Row() (table, id string, ok bool) { return rowOf(p.Target) }

// Test sends a message that is marked as a test to each enabled webhook of the tenant's alerts, one
// after the other. Of o it uses DB, DefaultURL, AllowPrivate, PublicURL and Now.
func Test(ctx context.Context, o Options, tenant meter.Tenant) ([]Probe, error) {
	hooks, err := webhooks(ctx, o, &tenant.Name)
	if err != nil {
		return nil, err
	}
	s := notify.NewSender(o.AllowPrivate, clock(o))
	e := notify.NewTest(tenant, clock(o)(), o.PublicURL)
	probes := make([]Probe, 0, len(hooks))
	for _, h := range hooks {
		probes = append(probes, h.send(ctx, s, e))
	}
	return probes, nil
}

// TestAll sends a message that is marked as a test to every enabled webhook of all tenants and to
// the default one. Of o it uses the same fields as [Test].
func TestAll(ctx context.Context, o Options) ([]Probe, error) {
	e := notify.NewTest(meter.Tenant{Name: "flagmeter-doctor", Quota: 1_000_000, BillingDay: 1,
		Zone: time.UTC, Thresholds: []int{80}}, clock(o)(), o.PublicURL)
	return tryAll(ctx, o, func(h hook, s *notify.Sender) Probe { return h.send(ctx, s, e) })
}

// Reach connects to every enabled webhook of all tenants and to the default one. It follows the
// rules for sending alerts, uses TLS if the URL says so, and sends nothing. Of o it uses the same
// fields as [Test].
func Reach(ctx context.Context, o Options) ([]Probe, error) {
	return tryAll(ctx, o, func(h hook, s *notify.Sender) Probe {
		if reason := s.Unusable(h.notifier, h.target); reason != "" {
			return Probe{Target: h.name, Error: reason}
		}
		got := s.Connect(ctx, h.target.URL)
		return Probe{Target: h.name, Error: got.Reason, Took: got.Took}
	})
}

func tryAll(
	ctx context.Context, o Options, try func(hook, *notify.Sender) Probe,
) ([]Probe, error) {
	hooks, err := webhooks(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	s := notify.NewSender(o.AllowPrivate, clock(o))
	probes := make([]Probe, len(hooks))
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	for i, h := range hooks {
		group.Go(func() error {
			probes[i] = try(h, s)
			return nil
		})
	}
	return probes, group.Wait()
}

// send sends a message and returns the result.
func (h hook) send(ctx context.Context, s *notify.Sender, e notify.Event) Probe {
	m, err := notify.NewMessage(h.notifier, h.target, uuid.NewString(), e)
	if err != nil {
		return Probe{Target: h.name, Error: err.Error()}
	}
	got := s.Post(ctx, m)
	return Probe{Target: h.name, Status: got.Status, Error: got.Reason, Took: got.Took,
		Answer: h.target.Clean(got.Answer, maxProbe)}
}
