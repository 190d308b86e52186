package alerter

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestAFailedPostIsTriedAgainLater(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	w.webhook("acme", "/a")
	w.slack.answers(status(500))
	a := w.alerter()
	if r := w.run(a); r != (Result{Tenants: 1, Fired: 1, Retried: 1}) {
		t.Errorf("first attempt: got %+v", r)
	}
	if n := w.count(
		"deliveries WHERE status = 'pending' AND attempts = 1 AND last_error = 'HTTP 500'"); n != 1 {
		t.Errorf("got %s", w.dump())
	}
	w.slack.answers(nil)
	w.advance(time.Second - time.Millisecond)
	if r := w.run(a); r != (Result{Tenants: 1}) {
		t.Errorf("before it is due: got %+v", r)
	}
	w.advance(time.Second)
	if r := w.run(a); r != (Result{Tenants: 1, Delivered: 1}) {
		t.Errorf("second attempt: got %+v", r)
	}
	got := w.wantMessages("acme", "acme")
	if got[0] != got[1] {
		t.Errorf("the second attempt says something else: %q", got)
	}
	n := w.count("deliveries WHERE status = 'delivered' AND attempts = 2 AND last_error IS NULL" +
		" AND delivered_at IS NOT NULL")
	if n != 1 {
		t.Errorf("got %s", w.dump())
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	w.webhook("acme", "/a")
	w.slack.answers(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "120")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	a := w.alerter()
	w.run(a)
	w.slack.answers(nil)
	w.advance(120*time.Second - time.Millisecond)
	if r := w.run(a); r.Delivered != 0 {
		t.Errorf("tried again too early: %+v", r)
	}
	w.advance(time.Millisecond)
	if r := w.run(a); r.Delivered != 1 {
		t.Errorf("not tried again: %+v", r)
	}
}

func TestARefusalIsFinal(t *testing.T) {
	for _, code := range []int{302, 400, 401, 405, 410} {
		w := newWorld(t)
		w.tenant("acme", 900, 1000, 80)
		w.webhook("acme", "/a")
		w.slack.answers(status(code))
		a := w.alerter()
		if r := w.run(a); r != (Result{Tenants: 1, Fired: 1, Dead: 1}) {
			t.Errorf("%d: got %+v", code, r)
		}
		w.advance(25 * time.Hour)
		w.run(a)
		w.wantMessages("acme")
		if n := w.count("deliveries WHERE status = 'dead' AND last_error LIKE 'HTTP %'"); n != 1 {
			t.Errorf("%d: got %s", code, w.dump())
		}
	}
}

func TestADeliveryIsGivenUpAfterADay(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	w.webhook("acme", "/a")
	w.slack.answers(status(503))
	a := w.alerter()
	var sum Result
	for range 30 { // an hour is the longest wait, so each run is an attempt
		r := w.run(a)
		sum.Retried += r.Retried
		sum.Dead += r.Dead
		w.advance(time.Hour)
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
			w.webhook("acme", "/a")
			w.webhook("acme", "/b")
			w.webhook("acme", "/off")
			w.exec("UPDATE slack_webhooks SET enabled = false WHERE url LIKE '%/off'")
		}, []string{"/a", "/b"}},
		{"the default without a row", yes, func(*world) {}, []string{"/default"}},
		{"no default for whom has only disabled rows", yes, func(w *world) {
			w.webhook("acme", "/off")
			w.exec("UPDATE slack_webhooks SET enabled = false")
		}, nil},
		{"nowhere", no, func(*world) {}, nil},
		{"not to another tenant's webhook", no, func(w *world) {
			w.exec("INSERT INTO tenants (name) VALUES ('other')")
			w.webhook("other", "/other")
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.tenant("acme", 900, 1000, 80)
			tt.prepare(w)
			a := w.alerter(func(o *Options) {
				if tt.defaults {
					o.DefaultURL = w.slack.URL + "/default"
				}
			})
			w.run(a)
			w.advance(5 * time.Second)
			w.run(a)
			got := map[string]bool{}
			for _, m := range w.slack.got() {
				got[m.path] = true
			}
			if len(w.slack.got()) != len(tt.want) {
				t.Errorf("got %q, want %q", w.slack.got(), tt.want)
			}
			for _, path := range tt.want {
				if !got[path] {
					t.Errorf("nothing came to %s", path)
				}
			}
			if w.count("alerts") != 1 {
				t.Error("the alert has no row")
			}
			lines := strings.Count(w.logs.String(), "alert has no webhook to go to")
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
			a := w.alerter(func(o *Options) { o.DefaultURL = w.slack.URL + "/default" })
			w.crossing(a)
			w.exec(tt.change)
			if r := w.run(a); r.Dead != 1 {
				t.Errorf("got %+v", r)
			}
			w.wantMessages()
			if n := w.count("deliveries WHERE status = 'dead' AND last_error = '" + tt.want + "'"); n != 1 {
				t.Errorf("got %s", w.dump())
			}
		})
	}
	t.Run("the default taken back", func(t *testing.T) {
		w := newWorld(t)
		w.tenant("acme", 900, 1000, 80)
		_, err := w.alerter(func(o *Options) { o.DefaultURL = w.slack.URL }).check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r := w.run(w.alerter()); r.Dead != 1 {
			t.Errorf("got %+v", r)
		}
		w.wantMessages()
	})
}

func TestAHangingWebhookDelaysOnlyItself(t *testing.T) {
	w := newWorld(t)
	others := make(chan string, 10)
	release := make(chan struct{})
	w.slack.answers(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hangs" {
			<-release
			return
		}
		others <- r.URL.Path
	})
	for _, name := range []string{"a1", "a2", "a3"} { // first in the outbox
		w.tenant(name, 900, 1000, 80)
	}
	a := w.alerter(func(o *Options) { o.DefaultURL = w.slack.URL + "/hangs" })
	if _, err := a.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Second)
	w.tenant("zeta", 900, 1000, 80)
	w.webhook("zeta", "/z")

	wake := make(chan struct{})
	done := make(chan Result)
	go func() {
		r, err := a.deliver(t.Context(), wake)
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	// The first of the three hangs now or will. What comes in meanwhile is sent.
	if _, err := a.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	wake <- struct{}{}
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
	url := w.endpoint(func(http.ResponseWriter, *http.Request) {
		inside <- 1
		inside <- -1
	}).URL
	for _, name := range []string{"a1", "a2", "a3", "a4", "a5", "a6"} {
		w.tenant(name, 900, 1000, 80)
		w.exec("INSERT INTO webhooks (tenant, url) VALUES ($1, $2)", name, url)
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
	secure := httptest.NewTLSServer(w.slack)
	t.Cleanup(secure.Close)
	w.tenant("acme", 900, 1000, 80)
	w.exec("INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', $1)", secure.URL)
	a := w.alerter(func(o *Options) { o.AllowPrivate = false })
	if r := w.run(a); r.Dead != 1 {
		t.Errorf("got %+v", r)
	}
	w.wantMessages()
	if n := w.count("deliveries WHERE last_error = 'webhook address is not public'"); n != 1 {
		t.Errorf("got %s", w.dump())
	}
}

func TestTheURLIsNeverStoredOrLogged(t *testing.T) {
	w := newWorld(t)
	paths := []string{"/ok/", "/400/", "/500/", "/reset/"}
	w.slack.answers(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/400/"):
			http.Error(rw, "no hook at "+r.URL.Path, http.StatusBadRequest)
		case strings.HasPrefix(r.URL.Path, "/500/"):
			http.Error(rw, "cannot serve "+r.URL.Path, http.StatusInternalServerError)
		case strings.HasPrefix(r.URL.Path, "/reset/"):
			panic(http.ErrAbortHandler)
		}
	})
	w.tenant("acme", 900, 1000, 80)
	for _, path := range paths {
		w.webhook("acme", path+secret)
	}
	w.exec("INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', $1), ('acme', $2)",
		"https://["+secret, "http://127.0.0.1:1/"+secret)
	w.tenant("zeta", 900, 1000, 80)
	e := w.endpoint(func(rw http.ResponseWriter, r *http.Request) {
		http.Error(rw, r.URL.String(), http.StatusInternalServerError)
	})
	var key string
	if err := w.db.Get(&key, "INSERT INTO webhooks (tenant, url) VALUES ('acme', $1) RETURNING secret",
		e.URL+"/"+secret); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	a := w.alerter(func(o *Options) {
		o.DefaultURL, o.Registerer = "http://127.0.0.1:1/default/"+secret, registry
	})
	if r := w.run(a); r != (Result{Tenants: 2, Fired: 2, Delivered: 1, Retried: 5, Dead: 2}) {
		t.Errorf("got %+v", r)
	}
	metrics, err := registry.Gather()
	if err != nil || strings.Contains(fmt.Sprint(metrics), secret) ||
		strings.Contains(fmt.Sprint(metrics), "127.0.0.1") {
		t.Errorf("got metrics %v, %v", metrics, err)
	}
	all := w.logs.String() + w.dump()
	if strings.Contains(all, strings.TrimPrefix(key, "whsec_")) || strings.Contains(all, e.URL) {
		t.Errorf("a webhook's secret or URL is in %s", all)
	}
	if logs := w.logs.String(); strings.Contains(logs, secret) || !strings.Contains(logs, "HTTP 400") {
		t.Errorf("got logs %s", logs)
	}
	if rows := w.dump(); strings.Contains(rows, secret) {
		t.Errorf("got rows %s", rows)
	}
}

// What was claimed before the end is sent and recorded; what is left stays pending.
func TestTheMessageInHandIsFinished(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	w.tenant("zeta", 900, 1000, 80)
	ctx, cancel := context.WithCancel(t.Context())
	w.slack.answers(func(http.ResponseWriter, *http.Request) { cancel() })
	a := w.alerter(func(o *Options) { o.DefaultURL = w.slack.URL })
	r, err := a.RunOnce(ctx)
	if err != nil || r.Delivered != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if w.count("deliveries WHERE status = 'delivered'") != 1 ||
		w.count("deliveries WHERE attempts = 0") != 1 {
		t.Errorf("got %s", w.dump())
	}
}
