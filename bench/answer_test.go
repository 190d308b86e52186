package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// answering is a process that answers everything alike. It is this one.
func answering(t *testing.T, status int, body string) *process {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // in chunks if it is long
	}))
	t.Cleanup(server.Close)
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return &process{addr: server.Listener.Addr().String(), cmd: &exec.Cmd{Process: self}}
}

func TestOnlyCountedEventsCount(t *testing.T) {
	counted := `{"accepted":1,"duplicates":0,"usage":[]}`
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{200, counted, ""},
		{200, "{}", ""},
		{200, counted + strings.Repeat(" ", 100_000), ""},
		{200, `{"accepted":0,"duplicates":1,"usage":[]}`, "repetition"},
		{503, counted, "answer is 503"},
	} {
		l := load{connections: 2, open: usual(1).open, duration: 50 * time.Millisecond}
		o, err := answering(t, c.status, c.body).drive(context.Background(), l)
		switch {
		case c.want == "":
			if err != nil || o.requests == 0 || o.shares.client <= 0 {
				t.Errorf("%d %.50s: %d requests, client %v, %v",
					c.status, c.body, o.requests, o.shares.client, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%d %s: %v, want %q", c.status, c.body, err, c.want)
		}
	}
}

func TestBusyClient(t *testing.T) {
	for s, want := range map[shares]string{
		{}:           "",
		{0.3, 0.9}:   "30 % / 90 %",
		{0.6, 0.9}:   "**60 %** / 90 %",
		{0.25, 0.12}: "**25 %** / 12 %",
	} {
		if got := s.String(); got != want {
			t.Errorf("%+v is %q, want %q", s, got, want)
		}
	}
}
