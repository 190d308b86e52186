package alerter

import (
	"context"
	"database/sql"
	"fmt"
	"math/bits"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// Probe is what a webhook has answered to a test message.
type Probe struct {
	Target string // such as "slack default"; never the URL
	Status int    // of the HTTP answer; 0: there was none
	Error  string // empty: the message was taken
	Answer string // the beginning of the answer, without secrets
	Took   time.Duration
}

// maxProbe is how much of an answer is shown, in characters.
const maxProbe = 500

// Test sends a message that is marked as a test to each enabled webhook that the tenant's
// alerts go to, one after the other, and returns their answers. Nothing is stored and nothing
// retried. Of o it uses DB, DefaultURL, AllowPrivate, PublicURL and Now.
func Test(ctx context.Context, o Options, tenant meter.Tenant) ([]Probe, error) {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	targets, err := probed(ctx, o, &tenant.Name)
	if err != nil {
		return nil, err
	}
	s := newSender(o.AllowPrivate, now)
	e := testEvent(tenant, now())
	probes := make([]Probe, 0, len(targets))
	for _, t := range targets {
		probes = append(probes, t.send(ctx, s, e, o.PublicURL))
	}
	return probes, nil
}

// probedTarget is a webhook with the name that it is told by.
type probedTarget struct {
	target
	name string
}

// probed returns the enabled webhooks that the tenant's alerts go to; nil: those of any tenant.
func probed(ctx context.Context, o Options, tenant *string) ([]probedTarget, error) {
	var rows []struct {
		Kind, Target string
		URL          sql.NullString
		Secret       sql.NullString
		Old          sql.NullString `db:"previous_secret"`
	}
	err := sqlx.SelectContext(ctx, o.DB, &rows, `
		SELECT 'slack' AS kind, 'slack ' || id AS target, url, NULL AS secret, NULL AS previous_secret
		FROM slack_webhooks WHERE ($1::text IS NULL OR tenant = $1) AND enabled
		UNION ALL SELECT 'slack', 'slack default', NULL, NULL, NULL
		WHERE $2::boolean AND NOT EXISTS (SELECT FROM slack_webhooks WHERE tenant = $1)
		UNION ALL SELECT 'webhook', 'webhook ' || id, url, secret, previous_secret
		FROM webhooks WHERE ($1 IS NULL OR tenant = $1 OR tenant IS NULL) AND enabled
		ORDER BY target`, tenant, o.DefaultURL != "")
	if err != nil {
		return nil, fmt.Errorf("read webhooks: %w", err)
	}
	targets := make([]probedTarget, len(rows))
	for i, row := range rows {
		targets[i] = probedTarget{target{kind: row.Kind, url: row.URL.String, secret: row.Secret.String,
			previous: row.Old.String}, row.Target}
		if !row.URL.Valid {
			targets[i].url = o.DefaultURL
		}
	}
	return targets, nil
}

// send sends a message and returns how that went.
func (t probedTarget) send(ctx context.Context, s *sender, e event, publicURL string) Probe {
	r, err := newRequest(t.target, uuid.NewString(), e, publicURL)
	if err != nil {
		return Probe{Target: t.name, Error: err.Error()}
	}
	got := s.post(ctx, r)
	return Probe{Target: t.name, Status: got.status, Error: got.reason, Took: got.took,
		Answer: t.clean(got.answer, maxProbe)}
}

// testEvent is a crossing that did not happen, of the tenant's highest threshold.
func testEvent(tenant meter.Tenant, now time.Time) event {
	period := tenant.Period(now)
	e := event{Type: eventTest, Alert: uuid.New(), Tenant: tenant.Shown(), PeriodStart: period.From,
		PeriodEnd: period.To, Threshold: 80}
	if n := len(tenant.Thresholds); n > 0 {
		e.Threshold = tenant.Thresholds[n-1]
	}
	e.facts = facts{At: now.UTC(), Quota: tenant.Quota, Thresholds: []int{e.Threshold}}
	if e.Quota == 0 {
		e.Quota = 1_000_000
	}
	hi, lo := bits.Mul64(uint64(e.Quota), uint64(e.Threshold))
	if used, _ := bits.Div64(hi, lo, 100); used < 1<<63 {
		e.Used = int64(used)
	} else {
		e.Used = e.Quota
	}
	return e
}

// clean is the beginning of an answer as one line of at most most characters, without what is
// secret about t: receivers like to repeat what they were asked for.
func (t target) clean(answer []byte, most int) string {
	text := strings.ToValidUTF8(string(answer), " ")
	for _, secret := range t.secrets() {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	n := 0
	text = strings.Map(func(r rune) rune {
		if n++; n > most {
			return -1
		}
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

// secrets are the texts that must not be seen, longest parts first.
func (t target) secrets() (all []string) {
	add := func(texts ...string) {
		for _, s := range texts {
			if len(s) >= 6 { // shorter ones are words like "hook"
				all = append(all, s)
			}
		}
	}
	add(t.url, t.secret, t.previous, strings.TrimPrefix(t.secret, "whsec_"),
		strings.TrimPrefix(t.previous, "whsec_"))
	u, err := url.Parse(t.url)
	if err != nil {
		return all
	}
	password, _ := u.User.Password()
	add(u.RequestURI(), u.Path, u.RawQuery, u.User.String(), u.User.Username(), password)
	for _, values := range u.Query() { // as they are without escapes
		add(values...)
	}
	for _, part := range strings.FieldsFunc(u.Path+"&"+u.RawQuery,
		func(r rune) bool { return strings.ContainsRune("/&=", r) }) {
		add(part)
	}
	return all
}
