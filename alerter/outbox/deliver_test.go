package outbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
)

func TestAFailedPostIsTriedAgainLater(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	w.Slack.Answers(alertertest.Status(500))
	a := w.alerter()
	if r := w.run(a); r != (alerter.Result{Tenants: 1, Fired: 1, Retried: 1}) {
		t.Errorf("first attempt: got %+v", r)
	}
	if n := w.Count(
		"deliveries WHERE status = 'pending' AND attempts = 1 AND last_error = 'HTTP 500'"); n != 1 {
		t.Errorf("got %s", w.Dump())
	}
	w.Slack.Answers(nil)
	w.Advance(time.Second - time.Millisecond)
	if r := w.run(a); r != (alerter.Result{Tenants: 1}) {
		t.Errorf("before it is due: got %+v", r)
	}
	w.Advance(time.Second)
	if r := w.run(a); r != (alerter.Result{Tenants: 1, Delivered: 1}) {
		t.Errorf("second attempt: got %+v", r)
	}
	got := w.WantMessages("acme", "acme")
	if got[0] != got[1] {
		t.Errorf("the second attempt says something else: %q", got)
	}
	n := w.Count("deliveries WHERE status = 'delivered' AND attempts = 2 AND last_error IS NULL" +
		" AND delivered_at IS NOT NULL")
	if n != 1 {
		t.Errorf("got %s", w.Dump())
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	w.Slack.Answers(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "120")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	a := w.alerter()
	w.run(a)
	w.Slack.Answers(nil)
	w.Advance(120*time.Second - time.Millisecond)
	if r := w.run(a); r.Delivered != 0 {
		t.Errorf("tried again too early: %+v", r)
	}
	w.Advance(time.Millisecond)
	if r := w.run(a); r.Delivered != 1 {
		t.Errorf("not tried again: %+v", r)
	}
}

func TestARefusalIsFinal(t *testing.T) {
	for _, code := range []int{302, 400, 401, 405, 410} {
		w := newWorld(t)
		w.AddTenant("acme", 900, 1000, 80)
		w.AddSlack("acme", "/a")
		w.Slack.Answers(alertertest.Status(code))
		a := w.alerter()
		if r := w.run(a); r != (alerter.Result{Tenants: 1, Fired: 1, Dead: 1}) {
			t.Errorf("%d: got %+v", code, r)
		}
		w.Advance(25 * time.Hour)
		w.run(a)
		w.WantMessages("acme")
		if n := w.Count("deliveries WHERE status = 'dead' AND last_error LIKE 'HTTP %'"); n != 1 {
			t.Errorf("%d: got %s", code, w.Dump())
		}
	}
}

func TestADeliveryIsGivenUpAfterADay(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	w.Slack.Answers(alertertest.Status(503))
	a := w.alerter()
	var sum alerter.Result
	for range 30 { // an hour is the longest wait, so each run is an attempt
		r := w.run(a)
		sum.Retried += r.Retried
		sum.Dead += r.Dead
		w.Advance(time.Hour)
	}
	if sum.Dead != 1 || sum.Retried < 22 || sum.Retried > 24 {
		t.Errorf("got %d retries and %d dead, want about 23 and 1", sum.Retried, sum.Dead)
	}
}

func TestWhereAMessageGoes(t *testing.T) {
	const yes, no = true, false
	tests := []struct {
		name     string
		defaults bool
		prepare  func(w *world)
		want     []string
	}{
		{"each enabled webhook", yes, func(w *world) {
			w.AddSlack("acme", "/a")
			w.AddSlack("acme", "/b")
			w.AddSlack("acme", "/off")
			w.Exec("UPDATE slack_webhooks SET enabled = false WHERE url LIKE '%/off'")
		}, []string{"/a", "/b"}},
		{"the default without a row", yes, func(*world) {}, []string{"/default"}},
		{"no default for whom has only disabled rows", yes, func(w *world) {
			w.AddSlack("acme", "/off")
			w.Exec("UPDATE slack_webhooks SET enabled = false")
		}, nil},
		{"nowhere", no, func(*world) {}, nil},
		{"not to another tenant's webhook", no, func(w *world) {
			w.Exec("INSERT INTO tenants (name) VALUES ('other')")
			w.AddSlack("other", "/other")
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.AddTenant("acme", 900, 1000, 80)
			tt.prepare(w)
			a := w.alerter(func(o *outbox.Options) {
				if tt.defaults {
					o.DefaultURL = w.Slack.URL + "/default"
				}
			})
			w.run(a)
			w.Advance(5 * time.Second)
			w.run(a)
			got := map[string]bool{}
			for _, m := range w.Slack.Got() {
				got[m.Path] = true
			}
			if len(w.Slack.Got()) != len(tt.want) {
				t.Errorf("got %q, want %q", w.Slack.Got(), tt.want)
			}
			for _, path := range tt.want {
				if !got[path] {
					t.Errorf("nothing came to %s", path)
				}
			}
			if w.Count("alerts") != 1 {
				t.Error("the alert has no row")
			}
			lines := strings.Count(w.Logs.String(), "alert has no webhook to go to")
			if (len(tt.want) == 0) != (lines == 1) {
				t.Errorf("logged %d times that there is no webhook", lines)
			}
		})
	}
}

func TestAWebhookThatIsGoneGetsNothing(t *testing.T) {
	tests := []struct {
		name, change, want string
	}{
		{"disabled", "UPDATE slack_webhooks SET enabled = false", "webhook disabled"},
		{"deleted", "DELETE FROM slack_webhooks", "webhook deleted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.alerter(func(o *outbox.Options) { o.DefaultURL = w.Slack.URL + "/default" })
			w.crossing(a)
			w.Exec(tt.change)
			if r := w.run(a); r.Dead != 1 {
				t.Errorf("got %+v", r)
			}
			w.WantMessages()
			if n := w.Count("deliveries WHERE status = 'dead' AND last_error = '" + tt.want + "'"); n != 1 {
				t.Errorf("got %s", w.Dump())
			}
		})
	}
	t.Run("the default taken back", func(t *testing.T) {
		w := newWorld(t)
		w.AddTenant("acme", 900, 1000, 80)
		_, err := w.alerter(func(o *outbox.Options) { o.DefaultURL = w.Slack.URL }).Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := w.run(w.alerter()); r.Dead != 1 {
			t.Errorf("got %+v", r)
		}
		w.WantMessages()
	})
}

func TestAHangingWebhookDelaysOnlyItself(t *testing.T) {
	w := newWorld(t)
	others := make(chan string, 10)
	release := make(chan struct{})
	w.Slack.Answers(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hangs" {
			<-release
			return
		}
		others <- r.URL.Path
	})
	for _, name := range []string{"a1", "a2", "a3"} { // first in the outbox
		w.AddTenant(name, 900, 1000, 80)
	}
	a := w.alerter(func(o *outbox.Options) { o.DefaultURL = w.Slack.URL + "/hangs" })
	if _, err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	w.AddTenant("zeta", 900, 1000, 80)
	w.AddSlack("zeta", "/z")

	done := make(chan outbox.Result)
	go func() {
		r, err := a.outbox.Deliver(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	// The first of the three hangs now or will. What comes in meanwhile is sent.
	if _, err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.outbox.Wake()
	if path := <-others; path != "/z" {
		t.Errorf("%s got a message", path)
	}
	close(release)
	if r := <-done; r.Delivered != 2 { // the other two wait for their second of Slack
		t.Errorf("got %+v", r)
	}
}

func TestAURLGetsOneMessageAtATime(t *testing.T) {
	w := newWorld(t)
	var now, most int
	inside := make(chan int, 100)
	url := w.Endpoint(func(http.ResponseWriter, *http.Request) {
		inside <- 1
		inside <- -1
	}).URL
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6"} {
		w.AddTenant(name, 900, 1000, 80)
		w.Exec("INSERT INTO webhooks (tenant, url) VALUES ($1, $2)", name, url)
	}
	if r := w.run(w.alerter()); r.Delivered != 6 {
		t.Errorf("got %+v", r)
	}
	close(inside)
	for n := range inside {
		now += n
		most = max(most, now)
	}
	if most != 1 {
		t.Errorf("%d at once", most)
	}
}

func TestPrivateWebhooksAreRefused(t *testing.T) {
	w := newWorld(t)
	secure := httptest.NewTLSServer(w.Slack)
	t.Cleanup(secure.Close)
	w.AddTenant("acme", 900, 1000, 80)
	w.Exec("INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', $1)", secure.URL)
	a := w.alerter(func(o *outbox.Options) { o.AllowPrivate = false })
	if r := w.run(a); r.Dead != 1 {
		t.Errorf("got %+v", r)
	}
	w.WantMessages()
	if n := w.Count("deliveries WHERE last_error = 'webhook address is not public'"); n != 1 {
		t.Errorf("got %s", w.Dump())
	}
}

func TestTheURLIsNeverStoredOrLogged(t *testing.T) {
	w := newWorld(t)
	paths := []string{"/ok/", "/400/", "/500/", "/reset/"}
	w.Slack.Answers(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/400/"):
			http.Error(rw, "no hook at "+r.URL.Path, http.StatusBadRequest)
		case strings.HasPrefix(r.URL.Path, "/500/"):
			http.Error(rw, "cannot serve "+r.URL.Path, http.StatusInternalServerError)
		case strings.HasPrefix(r.URL.Path, "/reset/"):
			panic(http.ErrAbortHandler)
		}
	})
	w.AddTenant("acme", 900, 1000, 80)
	for _, path := range paths {
		w.AddSlack("acme", path+alertertest.Secret)
	}
	w.Exec("INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', $1), ('acme', $2)",
		"https://["+alertertest.Secret, "http://127.0.0.1:1/"+alertertest.Secret)
	w.AddTenant("zeta", 900, 1000, 80)
	e := w.Endpoint(func(rw http.ResponseWriter, r *http.Request) {
		http.Error(rw, r.URL.String(), http.StatusInternalServerError)
	})
	var key string
	if err := w.DB.Get(&key, "INSERT INTO webhooks (tenant, url) VALUES ('acme', $1) RETURNING secret",
		e.URL+"/"+alertertest.Secret); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	a := w.alerter(func(o *outbox.Options) {
		o.DefaultURL, o.Registerer = "http://127.0.0.1:1/default/"+alertertest.Secret, registry
	})
	if r := w.run(a); r != (alerter.Result{Tenants: 2, Fired: 2, Delivered: 1, Retried: 5, Dead: 2}) {
		t.Errorf("got %+v", r)
	}
	metrics, err := registry.Gather()
	if err != nil || strings.Contains(fmt.Sprint(metrics), alertertest.Secret) ||
		strings.Contains(fmt.Sprint(metrics), "127.0.0.1") {
		t.Errorf("got metrics %v, %v", metrics, err)
	}
	all := w.Logs.String() + w.Dump()
	if strings.Contains(all, strings.TrimPrefix(key, "whsec_")) || strings.Contains(all, e.URL) {
		t.Errorf("a webhook's alertertest.Secret or URL is in %s", all)
	}
	if logs := w.Logs.String(); strings.Contains(logs, alertertest.Secret) ||
		!strings.Contains(logs, "HTTP 400") {
		t.Errorf("got logs %s", logs)
	}
	if rows := w.Dump(); strings.Contains(rows, alertertest.Secret) {
		t.Errorf("got rows %s", rows)
	}
}

// What was claimed before the end is sent and recorded; what is left stays pending.
func TestTheMessageInHandIsFinished(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddTenant("zeta", 900, 1000, 80)
	ctx, cancel := context.WithCancel(t.Context())
	w.Slack.Answers(func(http.ResponseWriter, *http.Request) { cancel() })
	a := w.alerter(func(o *outbox.Options) { o.DefaultURL = w.Slack.URL })
	r, err := a.RunOnce(ctx)
	if err != nil || r.Delivered != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if w.Count("deliveries WHERE status = 'delivered'") != 1 ||
		w.Count("deliveries WHERE attempts = 0") != 1 {
		t.Errorf("got %s", w.Dump())
	}
}
