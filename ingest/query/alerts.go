package query

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

const (
	defaultAlerts = 100
	maxAlerts     = 1000
)

// Alerts is GET /alerts: what has fired and what was sent, newest first.
func (h *Handlers) Alerts(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	ask, err := alertQuery(r)
	if err != nil {
		return err
	}
	if ask.Tenant != "" {
		tenant, err := h.guard.Tenant(r.Context(), ask.Tenant)
		if err != nil {
			return err
		}
		ask.Tenant = tenant.Name
	}
	ask.Tenant = cmp.Or(ask.Tenant, auth.Of(r.Context()).Tenant)
	page := ask.Limit
	ask.Limit++ // one more tells whether there is a next page
	var alerts []store.Alert
	read := func(ctx context.Context, tx *sqlx.Tx) (err error) {
		alerts, err = store.Alerts(ctx, tx, ask)
		return err
	}
	err = store.Snapshot(r.Context(), h.backend.DB, param.PageTimeout, read)
	if err != nil {
		return problem.Unavailable("alerts cannot be read now").Because(err)
	}
	var next *string
	if len(alerts) > page {
		alerts = alerts[:page]
		last := alerts[page-1]
		cursor := param.EncodeCursor(last.FiredAt, last.ID)
		next = &cursor
	}
	give, err := h.room(r, 1<<10*len(alerts))
	if err != nil {
		return err
	}
	defer give()
	body, err := json.Marshal(newAlertsAnswer(alerts, next))
	if err != nil {
		return problem.Unavailable("alerts cannot be read now").Because(err)
	}
	answer.WriteJSON(w, body)
	return nil
}

// alertQuery reads the parameters; an empty one is as if it were not given.
func alertQuery(r *http.Request) (ask store.AlertQuery, _ error) {
	q := param.Parse(r, "tenant", "state", "limit", "cursor")
	for name, values := range q.Values {
		if len(values) == 1 && values[0] == "" {
			q.Values.Del(name)
		}
	}
	ask.Tenant = q.Values.Get("tenant")
	if q.Values.Has("state") {
		ask.State = q.OneOf("state", store.AlertStates...)
	}
	ask.Limit = q.Integer("limit", defaultAlerts, 1, maxAlerts)
	if cursor := q.Values.Get("cursor"); cursor != "" {
		var err error
		if ask.AfterFired, ask.AfterID, err = param.DecodeCursor(cursor); err != nil {
			q.Refuse("cursor", "is not one that an answer has named as next")
		}
	}
	return ask, q.Err()
}
