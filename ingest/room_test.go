package ingest

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// stalled begins a POST of a body and sends all of it but the last byte.
func (a *api) stalled(key string, body []byte, headers string) net.Conn {
	a.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s",
		key, headers, len(body), body[:len(body)-1]); err != nil {
		a.Fatal(err)
	}
	return conn
}

// Bodies that are on their way share a budget: beyond it requests are refused, a tenant's own
// first.
func TestBodiesShareABudget(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.auth, s.memory = true, 40<<20 })
	greedy, other := a.newKey("ingest", "acme"), a.newKey("ingest", "free")
	blanks := bytes.Repeat([]byte(" "), meter.MaxBody-1)
	for range 4 {
		a.stalled(greedy, append(blanks, '1'), "")
	}
	waittest.Until(t, "four bodies take their memory", func() bool {
		return a.server.budget.Taken() >= 4*(meter.MaxBody-8<<10)
	})
	large := "[" + strings.Repeat(acme(1, "")+",", 6000) + strings.Repeat(" ", 1<<20) + acme(1, "") +
		"]"
	r := a.as(greedy).post(jsonType, large)
	a.refused(r, 503, "unavailable")
	if r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "nothing was counted") {
		t.Errorf("%v %s", r.header, r.body)
	}
	if r := a.as(other).post(jsonType, strings.ReplaceAll(large, "acme", "free")); r.status != 200 {
		t.Errorf("another tenant is answered %d %s", r.status, r.body)
	}
	if r := a.as(greedy).post(jsonType, acme(1, "")); r.status != 200 {
		t.Errorf("a small request of the tenant is answered %d %s", r.status, r.body)
	}
}

// What gzip unpacks to takes memory when all of it is there, not while it arrives.
func TestAStalledGzipBodyHoldsWhatItHasSent(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	bomb := []byte(packed(t, strings.Repeat(" ", meter.MaxBody)))
	var conns []net.Conn
	for range 20 {
		conns = append(conns, a.stalled("", bomb, "Content-Encoding: gzip\r\n"))
	}
	waittest.Until(t, "they are being read", func() bool {
		return a.server.budget.Taken() >= 20*budget.Least
	})
	if taken := a.server.budget.Taken(); taken > 20*(budget.Least+int64(2*len(bomb))) {
		t.Errorf("20 bodies of which %d bytes have arrived take %d", len(bomb), taken)
	}
	for _, conn := range conns {
		conn.Close()
	}
	waittest.Until(t, "all is given back", func() bool { return a.server.budget.Taken() == 0 })
}

// Answers that are not read share it too.
func TestAnswersShareTheBudget(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) { s.memory = 40 << 20 })
	if _, err := a.env.DB.Exec("INSERT INTO tenants (name) SELECT 'many-' || n FROM " +
		"generate_series(1, 10000) AS n"); err != nil {
		t.Fatal(err)
	}
	if err := a.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	share := a.server.budget.Share(budget.Holder{})
	if err := share.Take(34 << 20); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/tenants?limit=10000", "/tenants.csv"} {
		a.refused(a.get(path), 503, "unavailable")
	}
	if r := a.get("/tenants?limit=10"); r.status != 200 {
		t.Errorf("a short answer: %d", r.status)
	}
	share.Give()
	for _, path := range []string{"/tenants?limit=10000", "/tenants.csv"} {
		if r := a.get(path); r.status != 200 ||
			r.header.Get("Content-Length") != fmt.Sprint(len(r.body)) {
			t.Errorf("%s: %d, %s of %d bytes", path, r.status, r.header.Get("Content-Length"), len(r.body))
		}
	}
	waittest.Until(t, "all is given back", func() bool { return a.server.budget.Taken() == 0 })
}

// Of 10,000 bad events a hundred errors are listed, and all counted.
func TestErrorsAreListedUpToAHundred(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	for name, c := range map[string]struct {
		status int
		body   string
		errors int
	}{
		"bad events": {400, "[" + strings.Repeat("{},", 9999) + "{}]", 30_000},
		"unknown tenants": {404,
			"[" + strings.Repeat(strings.Replace(acme(1, ""), "acme", "nobody", 1)+",", 149) +
				strings.Replace(acme(1, ""), "acme", "nobody", 1) + "]", 150},
	} {
		r := a.post(jsonType, c.body)
		if r.status != c.status || strings.Count(r.body, `"index":`) != 100 ||
			!strings.Contains(r.body, fmt.Sprintf(`"errorCount":%d`, c.errors)) || len(r.body) > 32<<10 {
			t.Errorf("%s: %d, %d errors listed, %d bytes, %.200s", name, r.status,
				strings.Count(r.body, `"index":`), len(r.body), r.body)
		}
	}
}
