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
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// site runs a server with the standard limits.
type site struct {
	*testing.T
	dial    func() net.Conn
	bodies  atomic.Int64  // that arrived whole
	written chan error    // what the handler of /endless was told
	begun   chan struct{} // it has begun
}

func newSite(t *testing.T, limits Limits, listener net.Listener, dial func() net.Conn) *site {
	t.Helper()
	s := &site{T: t, dial: dial, written: make(chan error, 1), begun: make(chan struct{}, 1)}
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

// onSocket runs a server on a real socket, with limits that a test does not wait for.
func onSocket(t *testing.T, limits Limits) *site {
	t.Helper()
	listener, dial := socket(t)
	return newSite(t, limits, listener, dial)
}

// socket is a real one, and what connects to it.
func socket(t *testing.T) (net.Listener, func() net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener, func() net.Conn {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// inBubble runs a test on a clock of its own, which goes on when nobody has anything to do: limits
// are exact, and take no time. So its connections are pipes.
func inBubble(t *testing.T, test func(s *site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{dialed: make(chan net.Conn), closed: make(chan struct{})}
		test(newSite(t, Standard(), l, l.dial))
	})
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.dialed <- server
	return client
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialed:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// open opens a connection and sends text; behind one that ends with a space, a byte every 100 ms
// until the server closes the connection.
func (s *site) open(text string) net.Conn {
	s.Helper()
	conn := s.dial()
	s.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Minute)); err != nil { // beyond every limit
		s.Fatal(err)
	}
	if text == "" {
		return conn
	}
	if _, err := io.WriteString(conn, text); err != nil {
		s.Fatal(err)
	}
	if strings.HasSuffix(text, " ") {
		var trickling sync.WaitGroup
		s.Cleanup(trickling.Wait)
		trickling.Go(func() {
			for err := error(nil); err == nil; _, err = io.WriteString(conn, "x") {
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	return conn
}

// answer reads all that the server sends until it closes the connection, and how long that
// took.
func (s *site) answer(conn net.Conn) (string, time.Duration) {
	s.Helper()
	began := time.Now()
	text, err := io.ReadAll(conn)
	if err != nil {
		s.Fatalf("the server does not close the connection: %v", err)
	}
	return string(text), time.Since(began)
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	for name, begin := range map[string]string{
		"a byte":        "G",
		"a header":      "GET / HTTP/1.1\r\nHost: x\r\n",
		"a slow header": "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				text, took := s.answer(s.open(begin))
				if text != "" && !strings.HasPrefix(text, "HTTP/1.1 400 ") || took != Standard().Header {
					t.Errorf("after %v the answer is %q, want none or 400, and the end after %v", took, text, Standard().Header)
				}
			})
		})
	}
}

func TestSlowBodiesAreRefused(t *testing.T) {
	for name, begin := range map[string]string{
		"nothing of it": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"slowly":        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n ",
		"chunked":       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n ",
		"a chunk only":  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(s *site) {
				text, took := s.answer(s.open(begin))
				if !strings.HasPrefix(text, "HTTP/1.1 400 ") || took != Standard().Read {
					t.Errorf("after %v the answer is %q, want 400 after %v", took, text, Standard().Read)
				}
				if n := s.bodies.Load(); n != 0 {
					t.Errorf("%d bodies arrived", n)
				}
			})
		})
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	inBubble(t, func(s *site) {
		text, took := s.answer(s.open("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		if !strings.HasSuffix(text, "hello") || took != Standard().Idle {
			s.Errorf("after %v the answer is %q, want one and the end after %v", took, text, Standard().Idle)
		}
	})
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	inBubble(t, func(s *site) {
		s.open("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
		<-s.begun
		began := time.Now()
		if err := <-s.written; err == nil || time.Since(began) != Standard().Write {
			s.Errorf("after %v an endless answer has ended with %v, want an error after %v", time.Since(began), err, Standard().Write)
		}
	})
}

func TestLongHeadersAreRefused(t *testing.T) {
	s := onSocket(t, Standard())
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
			res, err := http.ReadResponse(bufio.NewReader(s.open(c.text)), nil)
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
