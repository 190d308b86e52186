package notify

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

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
			return [4]byte{198, 51, 100, 7} // for documentation only: refused, and unreachable
		}
		return [4]byte{127, 0, 0, 1}
	})
	s := testSender(false)
	dialer := &net.Dialer{Timeout: waittest.Patience, Resolver: resolver, Control: s.dialer.Control}
	s.client.Transport.(*http.Transport).DialContext = dialer.DialContext
	for range 3 {
		r := s.Post(t.Context(), message("https://rebind.example:"+port))
		if r.Delivered() || r.Reason != "webhook address is not public" {
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
			r := s.Post(t.Context(), message(raw))
			if r.Delivered() || r.Status != 0 {
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
		r := testSender(false).Post(t.Context(), message(raw))
		if r.Delivered() || r.Status != 0 {
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
	s.SetTimeout(3 * time.Second) // the header must come within it
	if r := s.Post(t.Context(), message(srv.URL)); !r.Delivered() {
		t.Errorf("got %+v", r)
	}
}
