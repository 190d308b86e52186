package outbox_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// TestFailuresOfARealServer runs the whole way from a crossing to the record of its attempt
// against servers that misbehave.
func TestFailuresOfARealServer(t *testing.T) {
	var inner atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inner.Add(1)
	}))
	t.Cleanup(private.Close)
	later := func(header string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request)
		status int // on record
		error  string
		wait   time.Duration // until exactly when it is not tried again; 0: whatever the backoff says
		dead   bool
	}{
		{name: "slow", status: 200, answer: func(w http.ResponseWriter, r *http.Request) {
			for range 5 {
				fmt.Fprint(w, "o")
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		}},
		{name: "hanging", error: "no answer in time",
			answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{name: "resetting", error: "connection closed without an answer",
			answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{name: "429 in seconds", status: 429, error: "HTTP 429", wait: 90 * time.Minute,
			answer: later("5400")},
		{name: "429 until a date", status: 429, error: "HTTP 429", wait: 2 * time.Hour,
			answer: later(alertertest.Noon.Add(2 * time.Hour).Format(http.TimeFormat))},
		{name: "503", status: 503, error: "HTTP 503", answer: alertertest.Status(503)},
		{name: "endless body", status: 200, answer: func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		}},
		{name: "redirect to loopback", status: 302, error: "HTTP 302", dead: true,
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, private.URL, http.StatusFound)
			}},
		{name: "404", status: 404, error: "HTTP 404", answer: alertertest.Status(404)},
		{name: "401", status: 401, error: "HTTP 401", dead: true, answer: alertertest.Status(401)},
		{name: "410", status: 410, error: "HTTP 410", dead: true, answer: alertertest.Status(410)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.AddTenant("acme", 900, 1000, 80)
			e := w.Endpoint(tt.answer)
			w.AddWebhook(e, nil)
			a := w.alerter()
			if tt.name == "hanging" {
				a.outbox.SetTimeout(100 * time.Millisecond)
			}
			r := w.run(a)
			want := alerter.Result{Tenants: 1, Fired: 1}
			switch {
			case tt.error == "":
				want.Delivered = 1
			case tt.dead:
				want.Dead = 1
			default:
				want.Retried = 1
			}
			if r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
			alerts, err := store.Alerts(t.Context(), w.DB, store.AlertQuery{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			d := alerts[0].Deliveries[0]
			try := d.Attempts[0]
			if (try.Status == nil) != (tt.status == 0) || try.Status != nil && *try.Status != tt.status ||
				(try.Error == nil) != (tt.error == "") || try.Error != nil && *try.Error != tt.error {
				t.Errorf("on record is %+v", try)
			}
			if tt.wait > 0 && !d.NextAttemptAt.Equal(alertertest.Noon.Add(tt.wait)) {
				t.Errorf("next attempt at %v", d.NextAttemptAt)
			}
		})
	}
	if inner.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// TestAnHourOfErrors lets a webhook answer 500 for an hour of the injected clock: the message
// arrives within the backoff after that, once.
func TestAnHourOfErrors(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	failing := true
	e := w.Endpoint(func(rw http.ResponseWriter, _ *http.Request) {
		if failing {
			rw.WriteHeader(500)
		}
	})
	w.AddWebhook(e, nil)
	a := w.alerter()
	var sum alerter.Result
	second := func() {
		r := w.run(a)
		sum.Retried, sum.Delivered, sum.Dead = sum.Retried+r.Retried, sum.Delivered+r.Delivered,
			sum.Dead+r.Dead
	}
	for range 3600 / 5 {
		second()
		w.Advance(5 * time.Second)
	}
	if sum.Delivered+sum.Dead > 0 || sum.Retried < 5 || sum.Retried > 60 {
		t.Errorf("during the hour: %+v", sum)
	}
	failing = false
	for range 3600 / 5 {
		second()
		w.Advance(5 * time.Second)
	}
	if sum.Delivered != 1 || sum.Dead != 0 {
		t.Errorf("an hour later: %+v", sum)
	}
}

func TestAWrongCertificateIsNotAccepted(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it was asked")
	}))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w.Exec("INSERT INTO webhooks (url) VALUES ($1)", srv.URL)
	if r := w.run(w.alerter()); r.Retried != 1 {
		t.Errorf("got %+v", r)
	}
	if w.Count("deliveries WHERE last_error = 'TLS certificate not accepted'") != 1 {
		t.Errorf("got %s", w.Dump())
	}
}
