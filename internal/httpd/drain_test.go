package httpd

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// draining runs a server, and end begins its end.
func draining(t *testing.T, linger time.Duration) (addr string, end func(), ended chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	ended = make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	go func() {
		ended <- Server{Handler: handler, Log: slog.New(slog.DiscardHandler), DrainDelay: linger}.Serve(ctx, listener)
	}()
	return listener.Addr().String(), end, ended
}

func TestARequestOnAnAcceptedConnectionIsAnswered(t *testing.T) {
	addr, end, ended := draining(t, 0)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// It is accepted when one that came later was answered.
	resp, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	end()
	for {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		c.Close()
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(answer), "hello") || !strings.Contains(string(answer), "Connection: close") {
		t.Errorf("the answer is %q, %v", answer, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
