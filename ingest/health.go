package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"
)

// probeLimit bounds a readiness check.
const probeLimit = time.Second

// getHealth is GET /healthz: the process runs.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
	writeJSON(w, []byte(`{"status":"ok"}`))
}

// started answers 503 until the tenants are known, and the API keys if they are asked for: a
// 404 for each tenant would be wrong.
func (s *Server) started(next httprouter.Handle) httprouter.Handle {
	return func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
		if !s.tenants.Loaded() || s.gate != nil && !s.gate.Loaded() {
			WriteProblem(w, problemStarting())
			return
		}
		next(w, r, params)
	}
}

// getReady is GET /readyz: events can be accepted. That needs Valkey; Postgres is
// reported but may be away.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	if s.draining.Load() {
		WriteProblem(w, problemUnavailable("the process is shutting down"))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), probeLimit)
	defer cancel()
	if err := s.valkey.Ping(ctx); err != nil {
		s.unavailable(w, r, "valkey does not answer", err)
		return
	}
	postgres := "away"
	answered := make(chan error, 1)
	go func() { answered <- s.db.PingContext(ctx) }() // the driver waits for a frozen server beyond ctx
	select {
	case err := <-answered:
		if err == nil {
			postgres = "ok"
		}
	case <-ctx.Done():
	}
	writeJSON(w, []byte(`{"status":"ready","valkey":"ok","postgres":"`+postgres+`"}`))
}
