package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
)

// probeLimit bounds a readiness check.
const probeLimit = time.Second

// getHealth is GET /healthz: the process runs.
func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) error {
	answer.WriteJSON(w, []byte(`{"status":"ok"}`))
	return nil
}

// getReady is GET /readyz: events can be accepted. That needs Valkey; Postgres is
// reported but may be away.
func (s *Server) getReady(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	if s.draining.Load() {
		return problem.Stopping()
	}
	ctx, cancel := context.WithTimeout(r.Context(), probeLimit)
	defer cancel()
	if err := s.backend.Valkey.Ping(ctx); err != nil {
		return problem.Unavailable("valkey does not answer").Because(err)
	}
	postgres := "away"
	answered := make(chan error, 1)
	// The driver waits for a frozen server beyond ctx.
	go func() { answered <- s.backend.DB.PingContext(ctx) }()
	select {
	case err := <-answered:
		if err == nil {
			postgres = "ok"
		}
	case <-ctx.Done():
	}
	answer.WriteJSON(w, []byte(`{"status":"ready","valkey":"ok","postgres":"`+postgres+`"}`))
	return nil
}
