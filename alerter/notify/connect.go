package notify

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Unusable returns, in fixed words, why no message can ever go to the target; "" if one can.
func (s *Sender) Unusable(n Notifier, to Target) string {
	if _, refused := s.allowed(to.URL); refused != "" {
		return refused
	}
	anyone := meter.Tenant{Name: "flagmeter", BillingDay: 1, Zone: time.UTC}
	_, err := NewMessage(n, to, uuid.NewString(), NewTest(anyone, time.Unix(0, 0), ""))
	if err != nil {
		return err.Error() // fixed words too
	}
	return ""
}

// Connect connects as for a message, with TLS if the URL says so, and sends nothing.
func (s *Sender) Connect(ctx context.Context, rawURL string) Reply {
	started := time.Now()
	out := s.dial(ctx, rawURL)
	out.Took = time.Since(started)
	return out
}

func (s *Sender) dial(ctx context.Context, rawURL string) Reply {
	u, refused := s.allowed(rawURL)
	if refused != "" {
		return Reply{Reason: refused}
	}
	ctx, cancel := context.WithTimeout(ctx, PostTime)
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
		return Reply{}
	}
	if err := tls.Client(conn,
		&tls.Config{ServerName: u.Hostname()}).HandshakeContext(ctx); err != nil {
		return networkFailure(err)
	}
	return Reply{}
}

// allowed parses the URL of a webhook, or returns in fixed words why nothing may be sent there.
func (s *Sender) allowed(rawURL string) (u *url.URL, refused string) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return nil, "webhook URL is malformed"
	}
	if u.Scheme != "https" && !(s.allowPrivate && u.Scheme == "http") {
		return nil, "webhook URL is not https"
	}
	return u, ""
}
