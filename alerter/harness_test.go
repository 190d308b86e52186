package alerter

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/slacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// world is a real Postgres, a Slack of our own, a clock that is set by hand, and
// tenants whose usage the test says.
type world struct {
	t     testing.TB
	db    *sqlx.DB // the operator's
	app   *sqlx.DB // the alerter's
	slack *inbox
	logs  *lockedBuffer

	mu      sync.Mutex
	now     time.Time
	tenants []meter.Usage // Period is filled in by All
	reading func()        // called by All, if set
}

func newWorld(t testing.TB) *world {
	t.Helper()
	env := stacktest.New(t)
	return &world{t: t, db: env.DB, app: env.AppDB, slack: newSlack(t),
		logs: &lockedBuffer{}, now: noon}
}

// alerter makes an Alerter of this world; more than one may work at once.
func (w *world) alerter(change ...func(*Options)) *Alerter {
	o := Options{
		DB:           w.app,
		Usage:        w,
		Changes:      w,
		AllowPrivate: true,
		Log:          slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:          w.clock,
	}
	for _, c := range change {
		c(&o)
	}
	return New(o)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Next is the Changes: everybody, every time. What looks at changes only has tests with the
// real one.
func (w *world) Next(context.Context) ([]string, bool, error) { return nil, true, nil }

// Of and Tenant read what All reads.
func (w *world) Of(ctx context.Context, names []string) (some []meter.Usage, err error) {
	all, err := w.All(ctx)
	for _, u := range all {
		if slices.Contains(names, u.Tenant.Name) {
			some = append(some, u)
		}
	}
	return some, err
}

func (w *world) Tenant(_ context.Context, name string) (meter.Usage, error) {
	for _, u := range w.usages() {
		if u.Tenant.Name == name {
			return u, nil
		}
	}
	return meter.Usage{}, fmt.Errorf("no tenant %q", name)
}

// All is the UsageReader.
func (w *world) All(context.Context) ([]meter.Usage, error) {
	w.mu.Lock()
	reading := w.reading
	w.mu.Unlock()
	if reading != nil {
		reading()
	}
	return w.usages(), nil
}

func (w *world) usages() []meter.Usage {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]meter.Usage, len(w.tenants))
	for i, u := range w.tenants {
		u.Period, u.AsOf = u.Tenant.Period(w.now), w.now
		all[i] = u
	}
	return all
}

// tenant adds a tenant whose period starts on the first of the month.
func (w *world) tenant(name string, tokens, quota int64, thresholds ...int) {
	w.t.Helper()
	w.exec("INSERT INTO tenants (name) VALUES ($1)", name)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tenants = append(w.tenants, meter.Usage{Used: meter.Amounts{meter.Tokens: tokens}, Tenant: meter.Tenant{
		Name: name, Quota: quota, BillingDay: 1, Zone: time.UTC, Thresholds: thresholds}})
}

// change edits a tenant's usage.
func (w *world) change(name string, edit func(*meter.Usage)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.tenants {
		if w.tenants[i].Tenant.Name == name {
			edit(&w.tenants[i])
		}
	}
}

// webhook adds an enabled webhook that leads to the world's Slack, at path.
func (w *world) webhook(tenant, path string) {
	w.t.Helper()
	w.exec("INSERT INTO slack_webhooks (tenant, url) VALUES ($1, $2)", tenant, w.slack.URL+path)
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(query, args...); err != nil {
		w.t.Fatal(err)
	}
}

// run calls RunOnce and fails the test if it fails.
func (w *world) run(a *Alerter) Result {
	w.t.Helper()
	result, err := a.RunOnce(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return result
}

// lock runs a query in a transaction that keeps its locks until release is called.
func (w *world) lock(query string) (release func()) {
	w.t.Helper()
	tx, err := w.db.Begin()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Exec(query); err != nil {
		w.t.Fatal(err)
	}
	return func() { tx.Rollback() }
}

// awaitBlocked returns when a statement waits for such a lock.
func (w *world) awaitBlocked() {
	w.t.Helper()
	for w.count("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") ==
		0 {
		if w.t.Context().Err() != nil {
			return
		}
	}
}

// count is the number of rows, such as "alerts WHERE cleared_at IS NULL".
func (w *world) count(from string) (n int) {
	w.t.Helper()
	if err := w.db.Get(&n, "SELECT count(*) FROM "+from); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// dump is every row of alerts, deliveries and their attempts with the transaction that wrote it.
func (w *world) dump() (rows string) {
	w.t.Helper()
	err := w.db.Get(&rows, `
		SELECT coalesce(string_agg(row, E'\n' ORDER BY row), '') FROM (
			SELECT concat(xmin, ' ', ctid, ' ', a) AS row FROM alerts a
			UNION ALL
			SELECT concat(xmin, ' ', ctid, ' ', d) FROM deliveries d
			UNION ALL
			SELECT concat(xmin, ' ', ctid, ' ', t) FROM delivery_attempts t) rows`)
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// message is what the world's Slack was sent.
type message struct {
	path, text string
	body       string
	id         string // webhook-id
}

var alertID = regexp.MustCompile(`alert ([0-9a-f-]{36})`)

func (m message) alert() string {
	if found := alertID.FindStringSubmatch(m.text); found != nil {
		return found[1]
	}
	return ""
}

// inbox is a server that keeps the messages it gets and answers as it is told. It refuses
// what Slack would refuse.
type inbox struct {
	*httptest.Server
	mu       sync.Mutex
	messages []message
	answer   func(w http.ResponseWriter, r *http.Request) // nil: 200
}

func newSlack(t testing.TB) *inbox {
	s := &inbox{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	m, err := slacktest.Check(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.messages = append(s.messages,
		message{r.URL.Path, m.Text, string(body), r.Header.Get("webhook-id")})
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

// answers sets what each later request is answered with.
func (s *inbox) answers(f func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (s *inbox) got() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]message(nil), s.messages...)
}

// wantMessages fails the test unless exactly these came, each given by a part of its text.
func (w *world) wantMessages(parts ...string) []message {
	w.t.Helper()
	got := w.slack.got()
	if len(got) != len(parts) {
		w.t.Fatalf("got %d messages, want %d: %q", len(got), len(parts), got)
	}
	for i, part := range parts {
		if !strings.Contains(got[i].text, part) {
			w.t.Errorf("message %d is %q, want %q in it", i, got[i].text, part)
		}
	}
	return got
}

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
