package alerter

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// reachAtOnce is how many webhooks are tried at the same time.
const reachAtOnce = 8

// Reach tries every enabled webhook of all tenants, and the default one, under the rules that
// alerts are sent by. It connects, with TLS where the URL says so, and says nothing; with send
// it sends a message that is marked as a test instead. Nothing is stored and nothing retried.
// Of o it uses what [Test] uses.
func Reach(ctx context.Context, o Options, send bool) ([]Probe, error) {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	targets, err := probed(ctx, o, nil)
	if err != nil {
		return nil, err
	}
	s := newSender(o.AllowPrivate, now)
	e := testEvent(meter.Tenant{Name: "flagmeter-doctor", Quota: 1_000_000, BillingDay: 1,
		Zone: time.UTC, Thresholds: []int{80}}, now())
	probes := make([]Probe, len(targets))
	var group errgroup.Group
	group.SetLimit(reachAtOnce)
	for i, t := range targets {
		group.Go(func() error {
			if send {
				probes[i] = t.send(ctx, s, e, o.PublicURL)
			} else {
				if probes[i] = (Probe{Target: t.name, Error: s.unusable(t.target)}); probes[i].Error != "" {
					return nil
				}
				got := s.connect(ctx, t.url)
				probes[i] = Probe{Target: t.name, Error: got.reason, Took: got.took}
			}
			return nil
		})
	}
	return probes, group.Wait()
}

// Row is the table and id of the webhook; ok is false for that of SLACK_WEBHOOK_URL.
func (p Probe) Row() (table, id string, ok bool) {
	kind, id, _ := strings.Cut(p.Target, " ")
	if kind == kindSlack {
		return tableSlack, id, id != "default"
	}
	return tableWebhooks, id, true
}

// The tables that operators write webhooks into.
const (
	tableSlack    = "slack_webhooks"
	tableWebhooks = "webhooks"
)

// connect goes as far as a message would go before it is sent.
func (s *sender) connect(ctx context.Context, rawURL string) reply {
	started := time.Now()
	out := s.dial(ctx, rawURL)
	out.took = time.Since(started)
	return out
}

func (s *sender) dial(ctx context.Context, rawURL string) reply {
	u, refused := s.allowed(rawURL)
	if refused != "" {
		return reply{reason: refused}
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	conn, err := s.dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return networkFailure(err)
	}
	defer conn.Close()
	if u.Scheme != "https" {
		return reply{}
	}
	if err := tls.Client(conn,
		&tls.Config{ServerName: u.Hostname()}).HandshakeContext(ctx); err != nil {
		return networkFailure(err)
	}
	return reply{}
}

// allowed reads the URL of a webhook, or says in fixed words why nothing may be sent there.
func (s *sender) allowed(rawURL string) (u *url.URL, refused string) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return nil, "webhook URL is malformed"
	}
	if u.Scheme != "https" && !(s.allowPrivate && u.Scheme == "http") {
		return nil, "webhook URL is not https"
	}
	return u, ""
}
