package ingest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// A tenant has a part of the places of /live, all tenants nine tenths, and a key half of the rest.
func TestPlacesOfLive(t *testing.T) {
	f := newFeeds(nil, nil, nil)
	f.running = true // nothing is to be renewed
	query := feedQuery{single: true, tenant: "acme"}
	fill := func(who budget.Holder) (n int) {
		for ; ; n++ {
			if _, err := f.join(query, who); err != nil {
				return n
			}
		}
	}
	if n := fill(budget.Holder{Tenant: "acme"}); n != maxTenantClients {
		t.Errorf("one tenant has %d places", n)
	}
	bound := maxTenantClients
	for i := range 100 {
		bound += fill(budget.Holder{Tenant: fmt.Sprint(i)})
	}
	if bound != maxFeedClients*9/10 {
		t.Errorf("all tenants have %d places of %d", bound, maxFeedClients)
	}
	operator := budget.Holder{Key: [16]byte{1}}
	if n := fill(operator); n != maxFeedClients/10 {
		t.Errorf("an operator finds %d places", n)
	}
	for len(f.by) > 0 {
		for who := range f.by {
			f.leave(f.all[query], who)
			break
		}
	}
	if f.clients != 0 || f.bound != 0 || len(f.all) != 0 {
		t.Errorf("%d clients and %d bound ones stay", f.clients, f.bound)
	}
	if n := fill(operator); n != maxFeedClients/2 {
		t.Errorf("one key has %d places", n)
	}
}

// One key cannot take all lists that cost a sort each second.
func TestListsOfLive(t *testing.T) {
	f := newFeeds(nil, nil, nil)
	f.running = true
	fill := func(who budget.Holder) (n int) {
		for ; ; n++ {
			if _, err := f.join(feedQuery{list: listQuery{search: fmt.Sprint(who.Key, n)}}, who); err != nil {
				return n
			}
		}
	}
	for key, want := range []int{maxFeedLists / 2, maxFeedLists / 2, 0} {
		if n := fill(budget.Holder{Key: [16]byte{byte(key + 1)}}); n != want {
			t.Errorf("key %d has %d lists, want %d", key, n, want)
		}
	}
}

// Behind a proxy that sets another Host, PUBLIC_URL tells whose pages are the own ones.
func TestLiveBehindAProxyThatDoesNotPassHost(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.publicURL = "https://Meter.example.com:443/" })
	for origin, want := range map[string]int{
		"https://meter.example.com": 101, "http://meter.example.com": 403, "https://meter.example.com:8443": 403, "https://evil.example": 403,
	} {
		conn, resp, err := websocket.Dial(t.Context(), a.url+"/live", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}, Host: "127.0.0.1:3000"})
		if err == nil {
			conn.CloseNow()
		}
		if resp == nil || resp.StatusCode != want {
			t.Errorf("from %s: %v, %v, want %d", origin, resp, err, want)
		}
	}
}

// A caller who is bound to a tenant sees ten seconds that are over, whoever else sends.
func TestCompleteToTellsNothingOfOthers(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 17, 123456789, time.UTC)
	step := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		oldest time.Time
		want   time.Time // to a bound caller
	}{
		{"nothing waits", time.Time{}, step},
		{"something has come this moment", now, step},
		{"something waits for a flush", now.Add(-2 * time.Second), step},
		{"Postgres is away", now.Add(-time.Minute), step.Add(-50 * time.Second)},
	} {
		if got := completeTo(c.oldest, now, true); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		want := c.oldest
		if want.IsZero() {
			want = now
		}
		if got := completeTo(c.oldest, now, false); !got.Equal(want) {
			t.Errorf("%s, to an operator: %v, want %v", c.name, got, want)
		}
	}
}

// An export that fails in the middle is not like a whole one over HTTP/1.0.
func TestATruncatedExportIsReset(t *testing.T) {
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
