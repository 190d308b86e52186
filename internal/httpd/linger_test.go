package httpd

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAnEarlyAnswerReachesWhoSendsFirst sends a whole body before it reads, as Python's
// http.client does, to a handler that answers without reading.
func TestAnEarlyAnswerReachesWhoSendsFirst(t *testing.T) {
	const most = 16 << 20
	for name, header := range map[string]string{
		"with its length": "Content-Length: 16777216\r\n",
		"in one chunk":    "Transfer-Encoding: chunked\r\n",
		"of HTTP/1.0":     "Content-Length: 16777216\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := refusing(t, "413")
			version := "1.1"
			if strings.HasSuffix(name, "1.0") {
				version = "1.0"
			}
			conn := s.open("POST / HTTP/" + version + "\r\nHost: x\r\n" + header + "\r\n")
			if strings.Contains(name, "chunk") {
				io.WriteString(conn, "1000000\r\n")
			}
			block := strings.Repeat("x", 1<<20)
			for sent := 0; sent < most; sent += len(block) {
				if _, err := io.WriteString(conn, block); err != nil {
					t.Fatalf("after %d bytes: %v", sent, err)
				}
			}
			if strings.Contains(name, "chunk") {
				io.WriteString(conn, "\r\n0\r\n\r\n")
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); resp.StatusCode != 413 || string(body) != "no" || err != nil {
				t.Errorf("%s %q %v", resp.Status, body, err)
			}
		})
	}
}

// TestAnEarlyAnswerIsNotHeldBack reads the answer before the body is sent.
func TestAnEarlyAnswerIsNotHeldBack(t *testing.T) {
	s := refusing(t, "401")
	for _, header := range []string{"Content-Length: 5000000\r\n", "Content-Length: 5000000\r\nExpect: 100-continue\r\n"} {
		resp, err := http.ReadResponse(bufio.NewReader(s.open("POST / HTTP/1.1\r\nHost: x\r\n"+header+"\r\n")), nil)
		if err != nil || resp.StatusCode != 401 {
			t.Errorf("%v, %v", resp, err)
		}
	}
}

// refusing is a site that answers everything with a status and "no", without reading.
func refusing(t *testing.T, status string) *site {
	listener, dial := socket(t)
	s := &site{T: t, dial: dial}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		w.WriteHeader(map[string]int{"401": 401, "413": 413}[status])
		io.WriteString(w, "no")
	})
	server, conns := Standard().server(lingering(handler), quiet)
	go server.Serve(conns.listener(listener))
	t.Cleanup(func() { server.Close() })
	return s
}
