package ingest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	defaultAlerts = 100
	maxAlerts     = 1000
	// alertsLimit bounds the reading of alerts: nobody waits for longer.
	alertsLimit = 5 * time.Second
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
	err := store.Snapshot(r.Context(), s.db, alertsLimit, func(ctx context.Context, tx *sqlx.Tx) (err error) {
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
		cursor := encodeCursor(alerts[page-1])
		next = &cursor
	}
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
		if ask.AfterFired, ask.AfterID, err = decodeCursor(cursor); err != nil {
			q.refuse("cursor", "is not one that an answer has named as next")
		}
	}
	return ask, q.problem()
}

// A cursor is the place of an alert in the order of the answers.
func encodeCursor(a store.Alert) string {
	return base64.RawURLEncoding.EncodeToString([]byte(a.FiredAt.UTC().Format(time.RFC3339Nano) + " " + a.ID.String()))
}

func decodeCursor(s string) (at time.Time, id uuid.UUID, err error) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return at, id, err
	}
	before, after, _ := strings.Cut(string(text), " ")
	if at, err = time.Parse(time.RFC3339Nano, before); err != nil {
		return at, id, err
	}
	id, err = uuid.Parse(after)
	return at, id, err
}
