package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// raw sends a request with exactly these header lines.
func (a *api) raw(method, path, body string, lines ...string) response {
	a.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		a.Fatal(err)
	}
	defer conn.Close()
	head := append([]string{method + " " + path + " HTTP/1.1"}, lines...)
	head = append(head, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)),
		"Connection: close", "", "")
	if _, err := io.WriteString(conn, strings.Join(head, "\r\n")+body); err != nil {
		a.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		a.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(text)}
}

// Nobody is asked for a credential, because nobody else can connect. A page that rebinds its name
// to 127.0.0.1 connects from here, and so does a proxy.
func TestLoopbackIsNoProofOfWhoAsks(t *testing.T) {
	a := newAPI(t, stacktest.New(t), func(s *setup) {
		s.onlyLocal, s.origins = true, []string{"http://localhost:5173"}
	})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(a.url, "http://"))
	before := a.state()
	const key = `{"scope":"admin"}`
	for _, lines := range [][]string{
		{"Host: evil.example"},
		{"Host: evil.example:" + port},
		{"Host: "},
		{"Host: 10.0.0.5:" + port},
		{"Host: 0.0.0.0:" + port},
		{"Host: 127.0.0.1.evil.example"},
		{"Host: localhost.evil.example"},
		{"Host: localhost.:" + port},
		{"Host: 127.1"},
		{"Host: [fe80::1]:" + port},
		{"Host: localhost", "Origin: http://evil.example"},
		{"Host: localhost", "Origin: null"},
		{"Host: localhost", "Origin: "},
		{"Host: localhost:" + port, "Origin: http://localhost:1"},
		{"Host: localhost:" + port, "Origin: http://127.0.0.1:" + port},
		{"Host: localhost", "Origin: http://localhost", "Origin: http://evil.example"},
		{"Host: localhost", "X-Forwarded-For: 10.1.2.3"},
		{"Host: localhost", "x-forwarded-for: 127.0.0.1"},
		{"Host: localhost", "X-Forwarded-Host: localhost"},
		{"Host: localhost", "X-Forwarded-Proto: https"},
		{"Host: localhost", "X-Forwarded-Port: 443"},
		{"Host: localhost", "Forwarded: for=127.0.0.1"},
		{"Host: localhost", "Via: 1.1 proxy"},
		{"Host: localhost", "X-Real-IP: 10.1.2.3"},
		{"Host: localhost", "CF-Connecting-IP: 10.1.2.3"},
	} {
		a.refused(a.raw("POST", "/keys", key, lines...), 403, "not-local")
		a.refused(a.raw("POST", "/events", acme(1, ""), lines...), 403, "not-local")
		a.refused(a.raw("GET", "/tenants", "", lines...), 403, "not-local")
		a.refused(a.raw("GET", "/usage", "", lines...), 403, "not-local")
		upgrade := append(lines[:len(lines):len(lines)], "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
		a.refused(a.raw("GET", "/live", "", upgrade...), 403, "not-local")
	}
	a.refused(a.raw("POST", "http://evil.example/keys", key, "Host: localhost"), 403, "not-local")
	a.unchanged(before)

	for _, lines := range [][]string{
		{"Host: localhost"}, {"Host: LocalHost:" + port}, {"Host: 127.0.0.1:" + port},
		{"Host: 127.8.9.1"},
		{"Host: [::1]:" + port}, {"Host: [::1]"}, {"Host: meter.localhost:" + port},
		{"Host: localhost:8080", "Origin: http://localhost:8080"}, // a tunnel
		{"Host: localhost:" + port, "Origin: http://localhost:5173"},
	} {
		if r := a.raw("POST", "/events", acme(1, ""), lines...); r.status != 200 {
			t.Errorf("%q: %d %s", lines, r.status, r.body)
		}
	}
	// What is made here says that it is worth nothing elsewhere.
	if r, k := a.createKey(key); r.status != 201 || !k.OpenMode || k.CreatedBy != nil {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// AUTH=off is a decision: everybody is answered.
func TestOffIsOff(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	r := a.raw("POST", "/keys", `{"scope":"read"}`, "Host: meter.example.com",
		"X-Forwarded-For: 10.1.2.3")
	if r.status != 201 || !strings.Contains(r.body, `"openMode":true`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}
