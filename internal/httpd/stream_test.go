package httpd

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestABrokenStreamIsReset asks for streams over HTTP/1.0, where the end of the connection is the
// end of the answer.
func TestABrokenStreamIsReset(t *testing.T) {
	started := make(chan struct{}, 1)
	mux := http.NewServeMux()
	stream := func(path string, end func(complete func())) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			complete := Stream(r.Context())
			io.WriteString(w, "a line\n")
			http.NewResponseController(w).Flush()
			end(complete)
		})
	}
	stream("/whole", func(complete func()) { complete() })
	stream("/broken", func(func()) { panic(http.ErrAbortHandler) })
	stream("/hanging", func(func()) { started <- struct{}{}; select {} })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, conns := Standard().server(mux, quiet)
	go server.Serve(conns.listener(listener))
	defer server.Close()
	read := func(path string, meanwhile func()) (string, error) {
		t.Helper()
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		meanwhile()
		text, err := io.ReadAll(conn)
		return string(text), err
	}
	if text, err := read("/whole", func() {}); err != nil || !strings.HasSuffix(text, "\r\n\r\na line\n") {
		t.Errorf("a whole stream: %q, %v", text, err)
	}
	if text, err := read("/broken", func() {}); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a broken stream ends as a whole one does: %q, %v", text, err)
	}
	if text, err := read("/hanging", func() { <-started; server.Close() }); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a stream that the end of the server cuts off ends as a whole one does: %q, %v", text, err)
	}
}
