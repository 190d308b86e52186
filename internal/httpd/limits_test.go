package httpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// short are limits that a test can wait for, in the same order as the standard ones. Each
// differs from the others by more than a busy machine is late.
func short() Limits {
	return Limits{Header: 200 * time.Millisecond, Read: 600 * time.Millisecond, Write: 1200 * time.Millisecond, Idle: 400 * time.Millisecond, HeaderBytes: 16 << 10}
}

// site runs a server with the limits of a test.
type site struct {
	*testing.T
	addr    string
	bodies  atomic.Int64  // that arrived whole
	written chan error    // what the handler of /endless was told
	begun   chan struct{} // it has begun
}

func newSite(t *testing.T, limits Limits) *site {
	t.Helper()
	s := &site{T: t, written: make(chan error, 1), begun: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "the body did not arrive", http.StatusBadRequest)
			return
		}
		s.bodies.Add(1)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	mux.HandleFunc("GET /endless", func(w http.ResponseWriter, _ *http.Request) {
		s.begun <- struct{}{}
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				s.written <- err
				return
			}
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Server{Handler: mux, Log: slog.New(slog.DiscardHandler), Limits: limits}.Serve(ctx, listener)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// dial opens a connection that sends text and is given up after 10 s.
func (s *site) dial(text string) net.Conn {
	s.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		s.Fatal(err)
	}
	return conn
}

// answer reads all that the server sends until it closes the connection, and how long that
// took.
func (s *site) answer(conn net.Conn) (string, time.Duration) {
	s.Helper()
	began := time.Now()
	text, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		s.Fatalf("the server does not close the connection: %v", err)
	}
	return string(text), time.Since(began)
}

// trickle sends text a byte every 20 ms until the server closes the connection.
func trickle(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, short())
	for name, begin := range map[string]string{
		"nothing":       "",
		"a byte":        "G",
		"a header":      "GET / HTTP/1.1\r\nHost: x\r\n",
		"a slow header": "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{T: t, addr: s.addr}
			conn := s.dial(begin)
			if strings.HasSuffix(begin, " ") {
				go trickle(conn, strings.Repeat("x", 1000))
			}
			text, took := s.answer(conn)
			if text != "" && !strings.HasPrefix(text, "HTTP/1.1 400 ") || took > time.Second {
				t.Errorf("after %v the answer is %q, want none or 400, and the end after 200 ms", took, text)
			}
		})
	}
}

func TestSlowBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, short())
	for name, begin := range map[string]string{
		"nothing of it": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"slowly":        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n ",
		"chunked":       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n ",
		"a chunk only":  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part := &site{T: t, addr: s.addr}
			conn := part.dial(begin)
			if strings.HasSuffix(begin, " ") {
				go trickle(conn, strings.Repeat("x", 1000))
			}
			text, took := part.answer(conn)
			if !strings.HasPrefix(text, "HTTP/1.1 400 ") || took < 300*time.Millisecond || took > 3*time.Second {
				t.Errorf("after %v the answer is %q, want 400 after 600 ms", took, text)
			}
		})
	}
	t.Cleanup(func() {
		if n := s.bodies.Load(); n != 0 {
			t.Errorf("%d bodies arrived", n)
		}
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	s := newSite(t, short())
	conn := s.dial("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	text, took := s.answer(conn)
	if !strings.HasSuffix(text, "hello") || took < 200*time.Millisecond || took > 3*time.Second {
		t.Errorf("after %v the answer is %q, want one and the end after 400 ms", took, text)
	}
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t, short())
	s.dial("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
	<-s.begun
	select {
	case err := <-s.written:
		if err == nil {
			t.Error("an endless answer has ended")
		}
	case <-time.After(10 * time.Second):
		t.Error("after 10 s the server still writes to a client that does not read")
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, Standard())
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"6 kB":          {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + strings.Repeat("x", 6<<10) + "\r\n\r\n", 200},
		"8 kB and more": {"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", 431},
		"24 kB":         {"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 24<<10) + "\r\n\r\n", 431},
		"many":          {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 5000) + "\r\n", 431},
		"a long target": {"GET /" + strings.Repeat("x", 24<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{T: t, addr: s.addr}
			res, err := http.ReadResponse(bufio.NewReader(s.dial(c.text)), nil)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("%s, want %d", res.Status, c.status)
			}
		})
	}
}

func TestStandardLimitsAreInOrder(t *testing.T) {
	l := Standard()
	if !(0 < l.Header && l.Header < l.Read && l.Read < l.Write && l.Write < l.Idle) {
		t.Errorf("%+v: a body that comes too late must leave time for its answer", l)
	}
	if l.HeaderBytes <= 0 || l.HeaderBytes > 64<<10 {
		t.Errorf("headers may have %d bytes", l.HeaderBytes)
	}
}
