package ingest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Behind a proxy that sets another Host, PUBLIC_URL tells whose pages are the own ones.
func TestLiveBehindAProxyThatDoesNotPassHost(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.publicURL = "https://Meter.example.com:443/" })
	for origin, want := range map[string]int{
		"https://meter.example.com": 101, "http://meter.example.com": 403,
		"https://meter.example.com:8443": 403, "https://evil.example": 403,
	} {
		conn, resp, err := websocket.Dial(t.Context(), a.url+"/live",
			&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}, Host: "127.0.0.1:3000"})
		if err == nil {
			conn.CloseNow()
		}
		if resp == nil || resp.StatusCode != want {
			t.Errorf("from %s: %v, %v, want %d", origin, resp, err, want)
		}
	}
}

// An export that fails in the middle is not like a whole one over HTTP/1.0.
func TestATruncatedExportIsReset(t *testing.T) {
	t.Parallel() // it waits most of the time
	a := newAPI(t, stacktest.New(t))
	if _, err := a.env.DB.Exec(`INSERT INTO events (id, tenant, feature, tokens, created_at)
		SELECT gen_random_uuid(), 'acme', 'x', 1, timestamptz '2026-07-20 00:00Z' + n * interval '1 minute' FROM generate_series(1, 30000) AS n`); err != nil {
		t.Fatal(err)
	}
	const path = "/usage/acme/events.csv?from=2026-07-20&to=2026-08-15"
	if text, err := a.overHTTP10(path, func() {}); err != nil || countLines(text) != 30_001 {
		t.Errorf("a whole one has %d lines and ends with %v", countLines(text), err)
	}
	text, err := a.overHTTP10(path, func() {
		if _, err := a.env.DB.Exec("ALTER TABLE events RENAME TO events_away"); err != nil {
			t.Error(err)
		}
	})
	if err == nil {
		t.Errorf("one of %d lines ends as a whole one", countLines(text))
	}
}

// overHTTP10 asks for a path over HTTP/1.0, and calls meanwhile when the first byte has come.
func (a *api) overHTTP10(path string, meanwhile func()) (body string, err error) {
	a.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil { // the server must wait for us
		a.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", path); err != nil {
		a.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		a.Fatal(err)
	}
	meanwhile()
	rest, err := io.ReadAll(conn)
	_, body, _ = strings.Cut(string(rest), "\r\n\r\n")
	return body, err
}

func countLines(text string) int { return strings.Count(text, "\n") }
