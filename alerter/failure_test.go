package alerter

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
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
			answer: later(noon.Add(2 * time.Hour).Format(http.TimeFormat))},
		{name: "503", status: 503, error: "HTTP 503", answer: status(503)},
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
		{name: "404", status: 404, error: "HTTP 404", answer: status(404)},
		{name: "401", status: 401, error: "HTTP 401", dead: true, answer: status(401)},
		{name: "410", status: 410, error: "HTTP 410", dead: true, answer: status(410)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.tenant("acme", 900, 1000, 80)
			e := w.endpoint(tt.answer)
			w.addWebhook(e, nil)
			a := w.alerter()
			if tt.name == "hanging" {
				a.sender.client.Timeout = 100 * time.Millisecond
			}
			r := w.run(a)
			want := Result{Tenants: 1, Fired: 1}
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
			alerts, err := store.Alerts(t.Context(), w.db, store.AlertQuery{Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			d := alerts[0].Deliveries[0]
			try := d.Attempts[0]
			if (try.Status == nil) != (tt.status == 0) || try.Status != nil && *try.Status != tt.status ||
				(try.Error == nil) != (tt.error == "") || try.Error != nil && *try.Error != tt.error {
				t.Errorf("on record is %+v", try)
			}
			if tt.wait > 0 && !d.NextAttemptAt.Equal(noon.Add(tt.wait)) {
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
	w.tenant("acme", 900, 1000, 80)
	failing := true
	e := w.endpoint(func(rw http.ResponseWriter, _ *http.Request) {
		if failing {
			rw.WriteHeader(500)
		}
	})
	w.addWebhook(e, nil)
	a := w.alerter()
	var sum Result
	second := func() {
		r := w.run(a)
		sum.Retried, sum.Delivered, sum.Dead = sum.Retried+r.Retried, sum.Delivered+r.Delivered,
			sum.Dead+r.Dead
	}
	for range 3600 / 5 {
		second()
		w.advance(5 * time.Second)
	}
	if sum.Delivered+sum.Dead > 0 || sum.Retried < 5 || sum.Retried > 60 {
		t.Errorf("during the hour: %+v", sum)
	}
	failing = false
	for range 3600 / 5 {
		second()
		w.advance(5 * time.Second)
	}
	if sum.Delivered != 1 || sum.Dead != 0 {
		t.Errorf("an hour later: %+v", sum)
	}
}

func TestAWrongCertificateIsNotAccepted(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it was asked")
	}))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w.exec("INSERT INTO webhooks (url) VALUES ($1)", srv.URL)
	if r := w.run(w.alerter()); r.Retried != 1 {
		t.Errorf("got %+v", r)
	}
	if w.count("deliveries WHERE last_error = 'TLS certificate not accepted'") != 1 {
		t.Errorf("got %s", w.dump())
	}
}

// TestANameThatChangesItsAddress asks a name server of our own, which answers with a public
// address first and with loopback from then on. What counts is the address that is dialed.
func TestANameThatChangesItsAddress(t *testing.T) {
	asked := false
	victim := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked = true
	}))
	t.Cleanup(victim.Close)
	_, port, _ := net.SplitHostPort(victim.Listener.Addr().String())
	var answers atomic.Int32
	resolver := nameServer(t, func() [4]byte {
		if answers.Add(1) == 1 {
			return [4]byte{198, 51, 100, 7} // documentation: refused too, and nobody is there
		}
		return [4]byte{127, 0, 0, 1}
	})
	s := testSender(false)
	dialer := &net.Dialer{Timeout: waittest.Patience, Resolver: resolver, Control: s.dialer.Control}
	s.client.Transport.(*http.Transport).DialContext = dialer.DialContext
	for range 3 {
		r := s.post(t.Context(), request{url: "https://rebind.example:" + port, id: "id"})
		if r.delivered() || r.reason != "webhook address is not public" {
			t.Errorf("got %+v", r)
		}
	}
	if asked || answers.Load() < 2 {
		t.Errorf("loopback was asked: %v; the name server was asked %d times", asked, answers.Load())
	}
}

// nameServer is a resolver that asks a server on loopback, which answers every A question with
// what address returns.
func nameServer(t *testing.T, address func() [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Header.Response = true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{
					{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body: &dnsmessage.AResource{A: address()}}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
		}}
}

// TestHostileURLs posts to addresses that a tenant must not reach through us, however they are
// written.
func TestHostileURLs(t *testing.T) {
	asked := false
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked = true
	}))
	t.Cleanup(srv.Close)
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	for _, host := range []string{
		"127.0.0.1", "127.255.255.254", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
		"0.0.0.0", "0", "127.1", "127.0.1",
		"2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[::127.0.0.1]",
		"[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "169.254.169.254",
		"[fd00:ec2::254]", "metadata.google.internal",
		"100.100.100.200", "168.63.129.16", "192.0.0.192", "10.0.0.1", "172.16.0.1", "192.168.0.1",
		"100.64.0.1", "224.0.0.1", "255.255.255.255",
		"[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[ff02::1]", "①②⑦.⓪.⓪.①",
		"127。0。0。1", "user@127.0.0.1", "hooks.slack.com@127.0.0.1",
		"hooks.slack.com%40127.0.0.1", "127.0.0.1%00.example.com", "127.0.0.1 ",
		"127.0.0.1\\@hooks.slack.com", "127.0.0.1#@hooks.slack.com",
	} {
		s := withoutDNS(testSender(false))
		if strings.HasPrefix(strings.ToLower(host), "localhost") {
			s = testSender(false) // the system's own answer
		}
		for _, raw := range []string{
			"https://" + host + ":" + port + "/", "http://" + host + ":" + port + "/",
		} {
			r := s.post(t.Context(), request{url: raw, id: "id"})
			if r.delivered() || r.status != 0 {
				t.Errorf("%q: got %+v", raw, r)
			}
		}
	}
	for _, raw := range []string{
		"", "https://", "https:///x", "//127.0.0.1", "127.0.0.1", "file:///etc/passwd",
		"gopher://127.0.0.1:" + port,
		"unix:///var/run/docker.sock", "https:127.0.0.1", "javascript:alert(1)", "https://[::1",
		"https://127.0.0.1:99999", "ftp://127.0.0.1",
	} {
		r := testSender(false).post(t.Context(), request{url: raw, id: "id"})
		if r.delivered() || r.status != 0 {
			t.Errorf("%q: got %+v", raw, r)
		}
	}
	if asked {
		t.Error("a server on loopback was asked")
	}
}

// The whole of an attempt ends in time, also if the answer trickles.
func TestAnAnswerThatNeverEndsDoesEnd(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	s := testSender(true)
	s.client.Timeout = 3 * time.Second // the header must come within it
	if r := s.post(t.Context(), request{url: srv.URL, id: "id"}); !r.delivered() {
		t.Errorf("got %+v", r)
	}
}
