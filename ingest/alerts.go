package ingest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"

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
	ask, wrong := alertQuery(r.URL.RawQuery)
	if len(wrong) > 0 {
		WriteProblem(w, &Problem{Type: "/problems/invalid-query", Title: "Invalid query", Status: http.StatusBadRequest,
			Detail: "the query has mistakes", Errors: wrong})
		return
	}
	if _, known := s.tenants.Get(ask.Tenant); ask.Tenant != "" && !known {
		WriteProblem(w, problemUnknownTenant(ask.Tenant))
		return
	}
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

// alertQuery reads the parameters, and names each that is wrong.
func alertQuery(raw string) (ask store.AlertQuery, wrong []FieldError) {
	refuse := func(field, detail string) { wrong = append(wrong, FieldError{Field: field, Detail: detail}) }
	ask.Limit = defaultAlerts
	query, err := url.ParseQuery(raw)
	if err != nil {
		refuse("", "the query is not properly escaped")
	}
	for name, values := range query {
		value := values[0]
		switch {
		case len(values) > 1:
			refuse(clip(name), "is given more than once")
		case value == "": // as if it were not given
		case name == "tenant":
			ask.Tenant = value
		case name == "state":
			if ask.State = value; !slices.Contains(store.AlertStates, value) {
				refuse(name, "must be one of "+strings.Join(store.AlertStates, ", "))
			}
		case name == "limit":
			if ask.Limit, err = strconv.Atoi(value); err != nil || ask.Limit < 1 || ask.Limit > maxAlerts {
				refuse(name, "must be an integer from 1 to "+strconv.Itoa(maxAlerts))
			}
		case name == "cursor":
			if ask.AfterFired, ask.AfterID, err = decodeCursor(value); err != nil {
				refuse(name, "is not one that an answer has named as next")
			}
		default:
			refuse(clip(name), "is not a parameter")
		}
	}
	slices.SortFunc(wrong, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	return ask, wrong
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
