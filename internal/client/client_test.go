package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var withID = []Event{{Tenant: "acme-corp", Feature: "gpt-4-turbo", Tokens: 1500, ID: "a"}}

// scripted answers the nth request with the nth function, and the rest with the last.
func scripted(t *testing.T, answers ...http.HandlerFunc) (c *Client, calls *int, pauses *[]time.Duration) {
	t.Helper()
	calls, pauses = new(int), new([]time.Duration)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := min(*calls, len(answers)-1)
		*calls++
		answers[n](w, r)
	}))
	t.Cleanup(srv.Close)
	return &Client{
		URL:    srv.URL,
		Sleep:  func(ctx context.Context, d time.Duration) error { *pauses = append(*pauses, d); return ctx.Err() },
		Jitter: func(limit time.Duration) time.Duration { return limit },
		Now:    func() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) },
	}, calls, pauses
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Dedupe-Window", "10800")
	io.WriteString(w, `{"accepted":1,"duplicates":0,"usage":[{"tenant":"acme-corp","totalTokens":1500,"quota":null}]}`)
}

func status(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

// cutOff takes the request and breaks the connection in the middle of the answer.
func cutOff(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, `{"accepted":`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestRetriesOnlyWhatMayChange(t *testing.T) {
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		retries bool
	}{
		{"lost reply", cutOff, true},
		{"429", status(429, ""), true},
		{"500", status(500, ""), true},
		{"502", status(502, ""), true},
		{"503", status(503, ""), true},
		{"400", status(400, ""), false},
		{"401", status(401, ""), false},
		{"402", status(402, "13803"), false},
		{"404", status(404, ""), false},
		{"409", status(409, ""), false},
		{"413", status(413, ""), false},
		{"304", status(304, ""), false},
		{"200 that is not JSON", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, calls, _ := scripted(t, tt.answer, ok)
			result, err := c.Post(t.Context(), withID)
			if tt.retries && (err != nil || *calls != 2 || result.Accepted != 1 || result.DedupeWindow != 3*time.Hour) {
				t.Errorf("got %+v, %v after %d calls; want success at the second", result, err, *calls)
			}
			if !tt.retries && (err == nil || *calls != 1) {
				t.Errorf("got %v after %d calls; want an error at the first", err, *calls)
			}
		})
	}
}

func TestEventWithoutIDIsPostedOnce(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"lost reply": cutOff, "503": status(503, "1")} {
		t.Run(name, func(t *testing.T) {
			c, calls, _ := scripted(t, answer, ok)
			mixed := []Event{withID[0], {Tenant: "acme-corp", Feature: "gpt-4-turbo", Tokens: 1}}
			if _, err := c.Post(t.Context(), mixed); err == nil || *calls != 1 {
				t.Errorf("got %v after %d calls; want an error at the first", err, *calls)
			}
		})
	}
}

func TestPausesDoubleAndHonourRetryAfter(t *testing.T) {
	c, _, pauses := scripted(t,
		status(503, ""), status(503, "2"), status(429, "Sun, 01 Mar 2026 00:00:07 GMT"), status(500, "soon"),
		status(500, "-1"), status(500, "Sat, 28 Feb 2026 00:00:00 GMT"), status(500, ""), status(500, ""), ok)
	if _, err := c.Post(t.Context(), withID); err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{
		100 * time.Millisecond, 2200 * time.Millisecond, 7400 * time.Millisecond, 800 * time.Millisecond,
		1600 * time.Millisecond, 3200 * time.Millisecond, 5 * time.Second, 5 * time.Second,
	}
	if len(*pauses) != len(want) {
		t.Fatalf("got pauses %v, want %v", *pauses, want)
	}
	for i, d := range *pauses {
		if d != want[i] {
			t.Errorf("pause %d: got %v, want %v", i, d, want[i])
		}
	}
}

func TestDefaultJitterStaysBelowTheLimit(t *testing.T) {
	c := &Client{}
	lowest, highest := longestPause, time.Duration(0)
	for range 2000 {
		d := c.pause(0, errors.New("any"))
		lowest, highest = min(lowest, d), max(highest, d)
	}
	if lowest < 0 || lowest > firstPause/10 || highest > firstPause || highest < firstPause*9/10 {
		t.Errorf("pauses lie in %v…%v; want them to fill 0…%v", lowest, highest, firstPause)
	}
}

func TestContextEndsTheRetries(t *testing.T) {
	c, calls, _ := scripted(t, status(503, ""))
	ctx, cancel := context.WithCancel(t.Context())
	c.OnRetry = func(error, time.Duration) {
		if *calls == 3 {
			cancel()
		}
	}
	_, err := c.Post(ctx, withID)
	var p *Problem
	if !errors.Is(err, context.Canceled) || !errors.As(err, &p) || p.Status != 503 || *calls != 3 {
		t.Errorf("got %v after %d calls; want the cancellation and the last 503 after 3", err, *calls)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestContextThatEndsWithTheAnswerIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &Client{URL: "http://server", HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		cancel()
		return &http.Response{StatusCode: 503, Body: http.NoBody}, nil
	})}}
	_, err := c.Post(ctx, withID)
	var p *Problem
	if !errors.Is(err, context.Canceled) || !errors.As(err, &p) {
		t.Errorf("got %v, want the cancellation and the 503", err)
	}
}

func TestProblemDocumentIsRead(t *testing.T) {
	c, _, _ := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.WriteHeader(400)
		io.WriteString(w, `{"type":"/problems/invalid-event","title":"Invalid event","status":400,"detail":"nothing was counted",
			"errors":[{"index":3,"field":"tokens","detail":"must be an integer"},{"field":"body","detail":"x"}]}`)
	})
	_, err := c.Post(t.Context(), withID)
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v, want a *Problem", err)
	}
	if p.Type != "/problems/invalid-event" || len(p.Errors) != 2 || p.Errors[0].Index == nil || *p.Errors[0].Index != 3 || p.Errors[1].Index != nil {
		t.Errorf("got %+v", p)
	}
	want := "post events: server answered 400 Invalid event: nothing was counted (tokens must be an integer) and 1 more"
	if err.Error() != want {
		t.Errorf("got %q\nwant %q", err, want)
	}
}

func TestUnusableURLIsNotRetried(t *testing.T) {
	for _, u := range []string{"", "localhost:3000", "ftp://127.0.0.1", "http://", "http://user:hunter2@[::1", "127.0.0.1:3000"} {
		c := &Client{URL: u, Sleep: func(context.Context, time.Duration) error { t.Fatal("slept"); return nil }}
		_, err := c.Post(t.Context(), withID)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("URL %q: got %v; want an error without the password", u, err)
		}
	}
}

func TestEventOnTheWire(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	events := []Event{{Tenant: "a", Feature: "f", Tokens: 1}, {Tenant: "a", Feature: "f", Tokens: 2, ID: "x", Timestamp: at}}
	got, err := json.Marshal(events)
	want := `[{"tenant":"a","feature":"f","tokens":1},{"tenant":"a","feature":"f","tokens":2,"id":"x","timestamp":"2026-03-01T12:00:00.123456Z"}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestTenants(t *testing.T) {
	c, calls, _ := scripted(t, status(503, ""), func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.URL.Path != "/tenants" {
			t.Errorf("got %s %s", r.Method, r.URL.Path)
		}
		io.WriteString(w, `{"tenants":[{"tenant":"a","totalTokens":5,"quota":10,"quotaPercent":50}],"asOf":"2026-03-01T00:00:00Z","stale":true}`)
	})
	c.URL += "/"
	list, err := c.Tenants(t.Context())
	if err != nil || *calls != 2 || !list.Stale || len(list.Tenants) != 1 || *list.Tenants[0].QuotaPercent != 50 {
		t.Errorf("got %+v, %v after %d calls", list, err, *calls)
	}
}

func TestTenantsOfSeveralPages(t *testing.T) {
	c, calls, _ := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"tenants":[{"tenant":"a"}],"next":"b c","stale":true}`)
	}, func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("cursor") != "b c" || q.Get("sort") != "name" || q.Get("archived") != "true" {
			t.Errorf("the second page is asked for with %v", q)
		}
		io.WriteString(w, `{"tenants":[{"tenant":"d"}],"next":null}`)
	})
	list, err := c.Tenants(t.Context())
	if err != nil || *calls != 2 || len(list.Tenants) != 2 || list.Tenants[1].Tenant != "d" || !list.Stale {
		t.Errorf("got %+v, %v after %d calls", list, err, *calls)
	}
}

func TestABatchUnderAKeyIsTriedAgain(t *testing.T) {
	var keys []string
	noting := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, r.Header.Get("Idempotency-Key")+" "+r.Header.Get("Content-Type"))
			next(w, r)
		}
	}
	c, _, _ := scripted(t, noting(cutOff), noting(status(503, "1")), noting(ok))
	withoutID := []Event{{Tenant: "acme-corp", Feature: "gpt-4-turbo", Tokens: 1500}}
	if _, err := c.PostUnder(t.Context(), "batch 7", withoutID); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(keys, ", "); got != "batch 7 application/json, batch 7 application/json, batch 7 application/json" {
		t.Errorf("sent were %q", got)
	}
	if _, err := c.Post(t.Context(), withoutID); err != nil || keys[3] != " application/json" {
		t.Errorf("without a key: %q, %v", keys[3:], err)
	}
}
