package httpd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// lines are those of a log in JSON.
func lines(t *testing.T, log *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		delete(fields, "time")
		all = append(all, fields)
	}
	return all
}

func logTo(log *bytes.Buffer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level}))
}

// send asks the observed handler once.
func send(o *Observer, next http.HandlerFunc, header http.Header) {
	r := httptest.NewRequest("GET", "/usage/acme?key=hidden", nil)
	r.Header = header
	w := httptest.NewRecorder()
	o.Handler(next).ServeHTTP(w, r)
}

func TestEachRequestIsALineAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := NewObserver(logTo(&log, slog.LevelDebug), newRegistry())
		route := o.Route("GET", "/usage/:tenant")
		send(o, func(w http.ResponseWriter, _ *http.Request) {
			route.Takes(w)
			time.Sleep(12 * time.Millisecond) // by the bubble's clock
			w.WriteHeader(http.StatusNotFound)
		}, http.Header{"X-Request-Id": {"r-1"}, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
		want := map[string]any{"level": "DEBUG", "msg": "request", "request_id": "r-1", "trace_id": "0af7651916cd43dd8448eb211c80319c",
			"span_id": "b7ad6b7169203331", "method": "GET", "path": "/usage/acme", "route": "/usage/:tenant", "status": 404.0, "ms": 12.0}
		if got := lines(t, &log); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		if strings.Contains(log.String(), "hidden") {
			t.Error("the query is logged")
		}
	})
}

func TestRequestsAreOneLineASecondAtInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := NewObserver(logTo(&log, slog.LevelInfo), newRegistry())
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			o.LogSums(ctx)
		}()
		answer := func(status int, takes time.Duration) {
			send(o, func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(takes)
				w.WriteHeader(status)
			}, nil)
		}
		answer(200, 5*time.Millisecond)
		answer(201, 40*time.Millisecond)
		answer(304, 0)
		answer(404, time.Millisecond)
		answer(503, 0)
		time.Sleep(3 * time.Second) // in two of them nothing happens
		answer(200, 0)
		cancel()
		<-ended
		want := []map[string]any{
			{"level": "INFO", "msg": "requests", "count": 5.0, "2xx": 2.0, "3xx": 1.0, "4xx": 1.0, "5xx": 1.0, "slowest_ms": 40.0, "in_flight": 0.0},
			{"level": "INFO", "msg": "requests", "count": 1.0, "2xx": 1.0, "3xx": 0.0, "4xx": 0.0, "5xx": 0.0, "slowest_ms": 0.0, "in_flight": 0.0},
		}
		if got := lines(t, &log); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	})
}

func TestLinesAboutARequestNameIt(t *testing.T) {
	var log bytes.Buffer
	base := logTo(&log, slog.LevelInfo)
	o := NewObserver(base, newRegistry())
	fails := func(w http.ResponseWriter, _ *http.Request) {
		// A handler may have wrapped the writer.
		Logger(wrapped{w}, base).Error("valkey does not answer")
	}
	send(o, fails, http.Header{"X-Request-Id": {"r-1"}})
	send(o, fails, http.Header{"X-Request-Id": {"r-2"}, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}})
	send(o, fails, http.Header{"X-Request-Id": {"r-3"}, "Traceparent": {"00-malformed"}})
	Logger(httptest.NewRecorder(), base).Error("no request")
	const msg = "valkey does not answer"
	want := []map[string]any{
		{"level": "ERROR", "msg": msg, "request_id": "r-1"},
		{"level": "ERROR", "msg": msg, "request_id": "r-2", "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"},
		{"level": "ERROR", "msg": msg, "request_id": "r-3"},
		{"level": "ERROR", "msg": "no request"},
	}
	if got := lines(t, &log); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// wrapped is a writer around another.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }
