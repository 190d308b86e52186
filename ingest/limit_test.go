package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// serve hands a request to a handler without a connection.
func serve(ctx context.Context, h http.Handler, method, path string) response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, nil))
	return response{w.Code, w.Header(), w.Body.String()}
}

func TestBodiesAboveTheLimitAreRefused(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	before := a.state()
	tooLarge := acme(1, "") + strings.Repeat(" ", 5<<20)
	for _, length := range []bool{true, false} {
		var body io.Reader = strings.NewReader(tooLarge)
		if !length {
			body = struct{ io.Reader }{body} // is sent in chunks
		}
		r, err := a.do("POST", "/events", jsonType, body)
		if err != nil {
			t.Fatal(err)
		}
		a.refused(r, 413, "too-large")
	}
	r := a.post(ndjsonType, strings.Repeat(acme(1, "")+"\n", meter.MaxEvents+1))
	a.refused(r, 413, "too-large")
	a.unchanged(before)

	exactly := acme(1, "")
	exactly += strings.Repeat(" ", meter.MaxBody-len(exactly))
	a.counted(exactly)
}

func TestABodyThatEndsTooEarlyCountsNothing(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	before := a.state()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	event := acme(1, "")
	// What has arrived is a whole event; only the length tells that more was meant to come.
	fmt.Fprintf(conn, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\n\r\n%s", len(event)+1, event)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r := readResponse(t, conn)
	a.refused(r, 400, "incomplete-body")
	a.unchanged(before)
}

func TestABodyThatIsTooSlowCountsNothing(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	before := a.state()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// As if the 30 s that the server's ReadTimeout is in production were over.
		if err := http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
		a.server.Handler().ServeHTTP(w, r)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Content-Length: 1000\r\n\r\n%s", acme(1, ""))
	r := readResponse(t, conn) // although we have sent no more
	a.refused(r, 400, "incomplete-body")
	a.unchanged(before)
}

func TestAClientThatGoesAwayInTheMiddleCountsNothing(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	before := a.state()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Content-Length: 1000\r\n\r\n%s", acme(1, ""))
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	const seen = `flagmeter_http_request_seconds_count{class="4xx",method="POST",route="/events"} 1`
	waittest.Until(t, "the server gives the request up", func() bool {
		return strings.Contains(a.get("/metrics").body, seen)
	})
	a.unchanged(before)
}

func readResponse(t *testing.T, conn net.Conn) response {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(waittest.Patience)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{res.StatusCode, res.Header, string(body)}
}
