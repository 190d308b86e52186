package httpd

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Logger is log for what is said about the request that is answered through w: every line
// names the request, and its trace if the client has sent one.
func Logger(w http.ResponseWriter, log *slog.Logger) *slog.Logger {
	rec := recorderOf(w)
	if rec == nil {
		return log
	}
	return log.With(rec.names()...)
}

// names are the attributes by which a request is found again.
func (r *recorder) names() []any {
	names := []any{slog.String("request_id", r.id[0])}
	if t, ok := traceOf(r.request.Header); ok {
		names = append(names, slog.String("trace_id", t.id), slog.String("span_id", t.span))
	}
	return names
}

// logRequest logs one request. It omits the query: clients put secrets there.
func (o *Observer) logRequest(rec *recorder, took time.Duration) {
	attrs := append(rec.names(),
		slog.String("method", rec.request.Method), slog.String("path", rec.request.URL.Path),
		slog.String("route", rec.route.path),
		slog.Int("status", rec.status), slog.Float64("ms", millis(took)))
	o.log.Debug("request", attrs...)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sum is what the requests since the last line about them have in sum.
type sum struct {
	classes [6]atomic.Int64
	slowest atomic.Int64 // nanoseconds
}

func (s *sum) add(class int, took time.Duration) {
	s.classes[class].Add(1)
	for have := s.slowest.Load(); int64(took) > have; have = s.slowest.Load() {
		if s.slowest.CompareAndSwap(have, int64(took)) {
			return
		}
	}
}

// LogSums logs once a second how many requests were answered, if any were, until ctx is done;
// a last line is about those at the end.
func (o *Observer) LogSums(ctx context.Context) {
	if o == nil {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			o.logSum()
		case <-ctx.Done():
			o.logSum()
			return
		}
	}
}

// logSum is the line about the requests since the last one.
func (o *Observer) logSum() {
	var counts [6]int64
	var all int64
	for class := range counts {
		counts[class] = o.sum.classes[class].Swap(0)
		all += counts[class]
	}
	slowest := o.sum.slowest.Swap(0)
	if all == 0 {
		return
	}
	o.log.Info("requests", slog.Int64("count", all),
		slog.Int64("2xx", counts[2]), slog.Int64("3xx", counts[3]),
		slog.Int64("4xx", counts[4]), slog.Int64("5xx", counts[5]),
		slog.Float64("slowest_ms", millis(time.Duration(slowest))),
		slog.Int64("in_flight", o.inFlight.Load()))
}
