package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// getKeys is GET /keys: a page of the caller's tenant's, or of all, in order of creation.
func (s *Server) getKeys(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	ask, problem := keyQuery(r)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	page := ask.Limit
	ask.Limit++ // one more tells whether there is a next page
	var keys []store.APIKey
	var odd []store.OddRow // they take places of the page
	err := store.Snapshot(r.Context(), s.db, listLimit, func(ctx context.Context, tx *sqlx.Tx) (err error) {
		keys, odd, err = store.APIKeys(ctx, tx, ask)
		return err
	})
	if err != nil {
		s.unavailable(w, r, "API keys cannot be read now", err)
		return
	}
	store.LogOdd(s.log, odd)
	writeKeys(w, http.StatusOK, s.newKeysAnswer(keys, page, len(keys)+len(odd) > page))
}

// postKeys is POST /keys: the answer holds the new key, which nobody can see again.
func (s *Server) postKeys(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	k, problem := s.parseKey(w, r)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	key, stored, err := auth.Create(r.Context(), s.db, k, s.now())
	var tooMany *store.KeyLimitError
	switch {
	case errors.Is(err, store.ErrNoTenant): // since it was looked up
		WriteProblem(w, problemUnknownTenant(s.shown(k.Tenant)))
		return
	case errors.Is(err, store.ErrMakerRevoked): // which this process has not learned yet
		s.refuse(w, auth.ErrUnauthorized)
		return
	case errors.As(err, &tooMany):
		WriteProblem(w, s.problemTooManyKeys(tooMany))
		return
	case err != nil:
		s.unavailable(w, r, "the API key cannot be stored now", err)
		return
	}
	answer := s.newKeyAnswer(stored)
	log := s.log.With("key", stored.ID, "scope", answer.Scope, "tenant", k.Tenant)
	if k.OpenMode {
		log.Warn("API key created in open mode: it ends when callers are asked for a credential")
	} else {
		log.Info("API key created", "by", k.Maker)
	}
	answer.Key = key
	writeKeys(w, http.StatusCreated, answer)
}

func problemUnknownKey() *Problem {
	return &Problem{Type: "/problems/unknown-key", Title: "Unknown API key", Status: http.StatusNotFound, Detail: "there is no API key of that id"}
}

// problemTooManyKeys is about a limit of keys. Waiting helps only with those an hour.
func (s *Server) problemTooManyKeys(e *store.KeyLimitError) *Problem {
	of := "the deployment"
	if e.Tenant != "" {
		of = fmt.Sprintf("tenant %q", clip(s.shown(e.Tenant)))
	}
	if e.After > 0 {
		return &Problem{Type: "/problems/keys-rate-limited", Title: "Too many new API keys", Status: http.StatusTooManyRequests,
			Detail: fmt.Sprintf("%s may get %d API keys an hour; no key was made", of, e.Most), RetryAfter: e.After}
	}
	return &Problem{Type: "/problems/too-many-keys", Title: "Too many API keys", Status: http.StatusConflict,
		Detail: fmt.Sprintf("%s has as many live API keys as it may have, %d: revoke one that is not used; no key was made", of, e.Most)}
}
