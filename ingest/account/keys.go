package account

import (
	"context"
	"errors"
	"net/http"

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// ListKeys is GET /keys: a page of the caller's tenant's, or of all, in order of creation.
func (a *Admin) ListKeys(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	ask, err := keyQuery(r)
	if err != nil {
		return err
	}
	page := ask.Limit
	ask.Limit++ // one more tells whether there is a next page
	var keys []store.APIKey
	var odd []store.OddRow // they take places of the page
	read := func(ctx context.Context, tx *sqlx.Tx) (err error) {
		keys, odd, err = store.APIKeys(ctx, tx, ask)
		return err
	}
	err = store.Snapshot(r.Context(), a.backend.DB, param.PageTimeout, read)
	if err != nil {
		return problem.Unavailable("API keys cannot be read now").Because(err)
	}
	store.LogOdd(a.backend.Log, odd)
	return writeKeys(w, http.StatusOK, a.guard.newKeysAnswer(keys, page, len(keys)+len(odd) > page))
}

// CreateKey is POST /keys. The answer holds the new key, which cannot be retrieved again.
func (a *Admin) CreateKey(w http.ResponseWriter, r *http.Request, _ httprouter.Params) error {
	k, err := a.parseKey(w, r)
	if err != nil {
		return err
	}
	key, stored, err := auth.Create(r.Context(), a.backend.DB, k, a.backend.Now())
	var tooMany *store.KeyLimitError
	switch {
	case errors.Is(err, store.ErrNoTenant): // since it was looked up
		return problem.UnknownTenant(a.guard.Shown(k.Tenant))
	case errors.Is(err, store.ErrMakerRevoked): // which this process has not learned yet
		return a.guard.refuse(auth.ErrUnauthorized)
	case errors.As(err, &tooMany):
		return problem.TooManyKeys(tooMany, a.guard.Shown(tooMany.Tenant))
	case err != nil:
		return problem.Unavailable("the API key cannot be stored now").Because(err)
	}
	answer := a.guard.newKeyAnswer(stored)
	log := a.backend.Log.With("key", stored.ID, "scope", answer.Scope, "tenant", k.Tenant)
	if k.OpenMode {
		log.Warn("API key created in open mode: it ends when callers are asked for a credential")
	} else {
		log.Info("API key created", "by", k.Maker)
	}
	answer.Key = key
	return writeKeys(w, http.StatusCreated, answer)
}
