package httpd

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silences are for how long a connection may be open before its first request.
func silences() []time.Duration {
	l := Standard()
	return []time.Duration{l.Header - time.Second, l.Header, l.Read, l.Write, l.Idle - time.Second}
}

// Clients open connections ahead, and use them when they please.
func TestAConnectionMayBeOpenedAhead(t *testing.T) {
	for _, silence := range silences() {
		inBubble(t, func(s *site) {
			conn := s.open("")
			time.Sleep(silence)
			for range 2 {
				s.send(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n")
				time.Sleep(Standard().Header - time.Second)
				s.send(conn, "\r\na")
				time.Sleep(Standard().Read - Standard().Header)
				s.send(conn, "b")
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || resp.StatusCode != 200 {
					s.Fatalf("after a silence of %v: %v, %v", silence, resp, err)
				}
				time.Sleep(Standard().Idle - time.Second) // and so between two requests
			}
		})
	}
}

func (s *site) send(conn net.Conn, text string) {
	s.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		s.Fatal(err)
	}
}

func TestASilentConnectionIsClosed(t *testing.T) {
	inBubble(t, func(s *site) {
		if text, took := s.answer(s.open("")); text != "" || took != Standard().Idle {
			s.Errorf("after %v %q, want the end after %v", took, text, Standard().Idle)
		}
	})
}

// A request has no more time because its connection was silent.
func TestLimitsHoldAfterASilence(t *testing.T) {
	const header = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
	for _, silence := range silences() {
		for begin, limit := range map[string]time.Duration{
			"G": Standard().Header, header: Standard().Header, header + "\r\nx": Standard().Read,
		} {
			inBubble(t, func(s *site) {
				conn := s.open("")
				time.Sleep(silence)
				s.send(conn, begin)
				text, took := s.answer(conn)
				if took != limit || text != "" && !strings.HasPrefix(text, "HTTP/1.1 400 ") {
					s.Errorf("%q after %v: %q after %v, want the end after %v",
						begin, silence, text, took, limit)
				}
			})
		}
	}
}

// The end waits for a request on a new connection as long as its header may take, and no longer.
func TestSilentConnectionsDoNotHoldUpTheEnd(t *testing.T) {
	header := Standard().Header
	for silence, waits := range map[time.Duration]time.Duration{
		header - time.Second: time.Second, header: 0, time.Minute: 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &pipes{dialed: make(chan net.Conn), closed: make(chan struct{})}
			ctx, end := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- Server{Handler: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)}.Serve(ctx, l)
			}()
			conn := l.dial()
			defer conn.Close()
			time.Sleep(silence)
			began := time.Now()
			end()
			if err := <-ended; err != nil || time.Since(began).Round(time.Second) != waits {
				t.Errorf("silent for %v: the end took %v, want %v: %v",
					silence, time.Since(began), waits, err)
			}
		})
	}
}
