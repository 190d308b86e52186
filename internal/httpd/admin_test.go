package httpd

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreServed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go ServeAdmin(t.Context(), slog.New(slog.DiscardHandler), listener)
	for _, path := range []string{"", "heap?debug=1", "goroutine", "allocs", "cmdline", "symbol", "profile?seconds=1", "trace?seconds=0.01"} {
		resp, err := http.Get("http://" + listener.Addr().String() + "/debug/pprof/" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("/debug/pprof/%s: %s, %d bytes, %v", path, resp.Status, len(body), err)
		}
	}
	// A page that rebinds its name reads no memory.
	for _, header := range []string{"Host: evil.example", "Origin: http://evil.example", "X-Forwarded-For: 10.0.0.1"} {
		req, err := http.NewRequest("GET", "http://"+listener.Addr().String()+"/debug/pprof/heap", nil)
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(header, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("with %s: %s", header, resp.Status)
		}
	}
}
