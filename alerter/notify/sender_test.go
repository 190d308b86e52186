package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// secret stands for the part of a webhook's URL that must not be seen anywhere.
const secret = "xoxsecretxox"

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// message is one to url without a body, whose answers are judged by their status alone.
func message(url string) Message {
	return Message{url: url, id: "id", judge: func(*Reply, string) {}}
}

// jsonMessage is message with a body.
func jsonMessage(url string) Message {
	m := message(url)
	m.body = []byte(`{"text":"x"}`)
	return m
}

func testSender(allowPrivate bool) *Sender {
	return NewSender(allowPrivate, func() time.Time { return noon })
}

// withoutDNS makes every host name unknown: tests send nothing beyond this machine.
func withoutDNS(s *Sender) *Sender {
	resolver := &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no name server in tests")
		}}
	s.client.Transport.(*http.Transport).DialContext = (&net.Dialer{Resolver: resolver,
		Control: refuseInside(isOwn)}).DialContext
	return s
}

// raw accepts connections and hands each to serve, which closes it.
func raw(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

func TestPostClassifiesEveryFailureAndKeepsTheURLSecret(t *testing.T) {
	answer := func(status int, header http.Header, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for k, v := range header {
				w.Header()[k] = v
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	wrongTLS := httptest.NewUnstartedServer(http.NotFoundHandler())
	wrongTLS.Config.ErrorLog = nil
	wrongTLS.StartTLS()
	t.Cleanup(wrongTLS.Close)
	hang := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-hang
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(hang) })
	reset := raw(t, func(c net.Conn) {
		c.(*net.TCPConn).SetLinger(0) // close with RST
		c.Read(make([]byte, 1))
		c.Close()
	})
	empty := raw(t, func(c net.Conn) {
		io.CopyN(io.Discard, c, 10)
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
		c.Close()
	})

	path := "/services/" + secret + "?t=" + secret
	tests := []struct {
		name  string
		url   string
		want  string
		retry bool
	}{
		{"400", answer(400, nil, "invalid_payload") + path, "HTTP 400 invalid_payload", false},
		{"401", answer(401, nil, "") + path, "HTTP 401", false},
		{"403", answer(403, nil, "") + path, "HTTP 403", true},
		{"404 that echoes the URL", answer(404, nil, path) + path, "HTTP 404", true},
		{"404 that echoes the secret", answer(404, nil, secret) + path, "HTTP 404", true},
		{"408", answer(408, nil, "") + path, "HTTP 408", true},
		{"425", answer(425, nil, "") + path, "HTTP 425", true},
		{"410", answer(410, nil, "channel_is_archived") + path, "HTTP 410 channel_is_archived", false},
		{"302 is not followed", answer(302, http.Header{"Location": {"/" + secret}}, "") + path,
			"HTTP 302", false},
		{"307 is not followed", answer(307, http.Header{"Location": {"/" + secret}}, "") + path,
			"HTTP 307", false},
		{"429", answer(429, nil, "rate_limited") + path, "HTTP 429 rate_limited", true},
		{"500", answer(500, nil, "oops, "+path) + path, "HTTP 500", true},
		{"503", answer(503, nil, "") + path, "HTTP 503", true},
		{"refused", "http://127.0.0.1:1" + path, "connection refused", true},
		{"reset", "http://" + reset + path, "connection reset by peer", true},
		{"closed", "http://" + empty + path, "connection closed without an answer", true},
		{"hanging", hanging.URL + path, "no answer in time", true},
		{"unknown certificate", wrongTLS.URL + path, "TLS certificate not accepted", true},
		{"plain HTTP behind https", "https" + strings.TrimPrefix(answer(200, nil, ""), "http") + path,
			"server does not speak TLS", true},
		{"unknown host", "https://" + secret + ".invalid" + path, "host name not resolved", true},
		{"not a URL", "https://[" + secret, "webhook URL is malformed", false},
		{"control character", "https://example.com/\n" + secret, "webhook URL is malformed", false},
		{"no host", "https:///" + secret, "webhook URL is malformed", false},
		{"other scheme", "ftp://example.com" + path, "webhook URL is not https", false},
		{"empty", "", "webhook URL is malformed", false},
		{"bad port", "https://example.com:" + secret, "webhook URL is malformed", false},
		{"password in the URL", strings.Replace(answer(500, nil, ""), "http://",
			"http://user:"+secret+"@", 1), "HTTP 500", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := testSender(true)
			switch tt.name {
			case "hanging":
				s.SetTimeout(100 * time.Millisecond)
			case "unknown host":
				s = withoutDNS(s)
			}
			f := s.Post(t.Context(), jsonMessage(tt.url))
			if f.Delivered() {
				t.Fatal("delivered")
			}
			if f.Reason != tt.want || f.Retry != tt.retry {
				t.Errorf("got %q, retry %v; want %q, retry %v", f.Reason, f.Retry, tt.want, tt.retry)
			}
			if strings.Contains(fmt.Sprintf("%+v", f), secret) {
				t.Errorf("the failure holds the secret: %+v", f)
			}
		})
	}
}

func TestPostRefusesWhatIsNotPublic(t *testing.T) {
	called := false
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	_, port, _ := net.SplitHostPort(secure.Listener.Addr().String())

	tests := []struct{ name, url, want string }{
		{"http", plain.URL, "webhook URL is not https"},
		{"loopback", "https://127.0.0.1:" + port, "webhook address is not public"},
		{"a name that resolves to loopback", "https://localhost:" + port,
			"webhook address is not public"},
		{"IPv4-mapped", "https://[::ffff:127.0.0.1]:" + port, "webhook address is not public"},
		{"unspecified", "https://0.0.0.0:" + port, "webhook address is not public"},
		{"unspecified IPv6", "https://[::]:" + port, "webhook address is not public"},
		{"loopback IPv6", "https://[::1]:" + port, "webhook address is not public"},
		{"NAT64", "https://[64:ff9b::7f00:1]:" + port, "webhook address is not public"},
		{"private", "https://10.0.0.1", "webhook address is not public"},
		{"carrier-grade NAT", "https://100.64.0.1", "webhook address is not public"},
		{"metadata", "https://169.254.169.254/latest/meta-data", "webhook address is not public"},
		{"link-local with a zone", "https://[fe80::1%25lo]", "webhook address is not public"},
		{"multicast", "https://224.0.0.1", "webhook address is not public"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := testSender(false).Post(t.Context(), message(tt.url))
			if f.Delivered() {
				t.Fatal("delivered")
			}
			if f.Reason != tt.want {
				t.Errorf("got %q, want %q", f.Reason, tt.want)
			}
			if f.Retry {
				t.Error("would be tried again")
			}
		})
	}
	// Some resolvers take these for addresses, others for unknown names.
	for _, odd := range []string{"127.1", "2130706433", "0x7f000001", "0177.0.0.1"} {
		if f := withoutDNS(testSender(false)).Post(t.Context(),
			message("https://"+odd+":"+port)); f.Delivered() {
			t.Errorf("%s: delivered", odd)
		}
	}
	if called {
		t.Error("a server on loopback was called")
	}
}

func TestPostUsesNoProxy(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		proxied = true
	}))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	// A name, because Go itself uses no proxy for loopback addresses.
	s := testSender(true)
	transport := s.client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address != proxy.Listener.Addr().String() {
			return nil, errors.New("not the proxy")
		}
		return dial(ctx, network, address)
	}
	s.Post(t.Context(), message("http://hooks.example/"))
	if proxied {
		t.Error("the request went through the proxy of the environment")
	}
}

func TestPostSendsJSON(t *testing.T) {
	var method, contentType, body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, contentType, body = r.Method, r.Header.Get("Content-Type"), string(b)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	if f := testSender(true).Post(t.Context(),
		jsonMessage(srv.URL)); !f.Delivered() {
		t.Fatal(f.Reason)
	}
	if method != "POST" || contentType != "application/json" || body != `{"text":"x"}` {
		t.Errorf("got %s, %s, %s", method, contentType, body)
	}
}

func TestPostReadsALimitedAnswer(t *testing.T) {
	written := make(chan int, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		n, chunk := 0, make([]byte, 32<<10)
		for r.Context().Err() == nil && n < 1<<30 {
			k, err := w.Write(chunk)
			n += k
			if err != nil {
				break
			}
		}
		written <- n
	}))
	t.Cleanup(srv.Close)
	f := testSender(true).Post(t.Context(), message(srv.URL))
	if f.Delivered() || f.Reason != "HTTP 400" {
		t.Errorf("got %+v", f)
	}
	// Socket buffers take a few megabytes on top of what is read.
	if n := <-written; n >= 1<<30 {
		t.Errorf("the endless answer was read for %d bytes", n)
	}
}

func TestPostEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	called := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		called = true
	}))
	t.Cleanup(srv.Close)
	f := testSender(true).Post(ctx, message(srv.URL))
	if f.Delivered() || !f.Retry || called {
		t.Errorf("got %+v, called %v", f, called)
	}
}

func TestRetryAfter(t *testing.T) {
	tests := []struct {
		header string
		want   time.Duration
	}{
		{"", 0},
		{"120", 2 * time.Minute},
		{"0", 0},
		{"-1", 0},
		{"1.5", 0},
		{"99999999999999999999", 0},
		{"soon", 0},
		{noon.Add(90 * time.Second).Format(http.TimeFormat), 90 * time.Second},
		{noon.Add(-90 * time.Second).Format(http.TimeFormat), 0},
	}
	for _, tt := range tests {
		if got := retryAfter(tt.header, noon); got != tt.want {
			t.Errorf("retryAfter(%q) = %v, want %v", tt.header, got, tt.want)
		}
	}
}
