package ingest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	defaultAlerts = 100
	maxAlerts     = 1000
)

// getAlerts is GET /alerts: what has fired and what was sent, newest first.
func (s *Server) getAlerts(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	ask, problem := alertQuery(r)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	if ask.Tenant != "" {
		tenant, known := s.visible(r, ask.Tenant)
		if !known {
			WriteProblem(w, problemUnknownTenant(ask.Tenant))
			return
		}
		ask.Tenant = tenant.Name
	}
	ask.Tenant = cmp.Or(ask.Tenant, auth.Of(r.Context()).Tenant)
	page := ask.Limit
	ask.Limit++ // one more tells whether there is a next page
	var alerts []store.Alert
	err := store.Snapshot(r.Context(), s.db, listLimit, func(ctx context.Context, tx *sqlx.Tx) (err error) {
		alerts, err = store.Alerts(ctx, tx, ask)
		return err
	})
	if err != nil {
		s.unavailable(w, r, "alerts cannot be read now", err)
		return
	}
	var next *string
	if len(alerts) > page {
		alerts = alerts[:page]
		last := alerts[page-1]
		cursor := encodePlace(last.FiredAt, last.ID)
		next = &cursor
	}
	give, ok := s.room(w, r, 1<<10*len(alerts))
	if !ok {
		return
	}
	defer give()
	body, err := json.Marshal(newAlertsAnswer(alerts, next))
	if err != nil {
		s.unavailable(w, r, "alerts cannot be read now", err)
		return
	}
	writeJSON(w, body)
}

// alertQuery reads the parameters; an empty one is as if it were not given.
func alertQuery(r *http.Request) (ask store.AlertQuery, problem *Problem) {
	q := parseQuery(r, "tenant", "state", "limit", "cursor")
	for name, values := range q.values {
		if len(values) == 1 && values[0] == "" {
			q.values.Del(name)
		}
	}
	ask.Tenant = q.values.Get("tenant")
	if q.values.Has("state") {
		ask.State = q.oneOf("state", store.AlertStates...)
	}
	ask.Limit = q.integer("limit", defaultAlerts, 1, maxAlerts)
	if cursor := q.values.Get("cursor"); cursor != "" {
		var err error
		if ask.AfterFired, ask.AfterID, err = decodePlace(cursor); err != nil {
			q.refuse("cursor", "is not one that an answer has named as next")
		}
	}
	return ask, q.problem()
}
