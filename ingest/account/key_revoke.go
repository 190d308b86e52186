package account

import (
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// revokedAnswer says what has become of a key, and of those that it has made.
type revokedAnswer struct {
	ID uuid.UUID `json:"id"`
	// MadeRevoked counts the keys that made=true has ended, MadeLive those that still work; null:
	// Postgres, which alone knows, does not answer.
	MadeRevoked int  `json:"madeRevoked"`
	MadeLive    *int `json:"madeLive"`
}

// RevokeKey is DELETE /keys/:id: the key ends within two seconds, on every process, and with
// made=true also those that it has made and that the caller may know of.
func (a *Admin) RevokeKey(w http.ResponseWriter, r *http.Request, params httprouter.Params) error {
	q := param.Parse(r, "made")
	made := q.OneOf("made", "false", "true") == "true"
	if err := q.Err(); err != nil {
		return err
	}
	id, err := a.ownKey(r, params.ByName("id"))
	if err != nil {
		return err
	}
	ctx, who, now := r.Context(), auth.Of(r.Context()), a.backend.Now()
	pending, err := auth.Revoke(ctx, a.backend.DB, a.backend.Valkey, id, now)
	if err != nil {
		return problem.Unavailable("no store can note now that the API key is revoked").Because(err)
	}
	answer := revokedAnswer{ID: id}
	if made {
		var untold error
		answer.MadeRevoked, untold, err = auth.RevokeMade(
			ctx, a.backend.DB, a.backend.Valkey, id, who.Tenant, now)
		if err != nil {
			const detail = "the API key is revoked, but those that it has made cannot be now: repeat this"
			return problem.Unavailable(detail).Because(err)
		}
		pending = errors.Join(pending, untold)
	}
	live, unknown := auth.LiveMade(ctx, a.backend.DB, id, who.Tenant, now)
	if unknown == nil {
		answer.MadeLive = &live
	}
	if err := errors.Join(pending, unknown); err != nil {
		a.backend.Log.Warn("API key revoked, which one store does not know yet", "key", id, "error", err)
	}
	a.backend.Log.Info("API key revoked", "key", id, "by", who.KeyID,
		"madeRevoked", answer.MadeRevoked, "madeLive", live)
	return writeKeys(w, http.StatusOK, answer)
}

// ownKey is the id of a key that the caller may revoke.
func (a *Admin) ownKey(r *http.Request, text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, problem.UnknownKey()
	}
	owner, err := a.keyTenant(r, id)
	switch {
	case errors.Is(err, store.ErrNoKey), err == nil && !auth.Of(r.Context()).Sees(owner):
		return id, problem.UnknownKey()
	case err != nil:
		return id, problem.Unavailable("the API key cannot be looked up now").Because(err)
	}
	return id, nil
}

// keyTenant is the tenant that a key is bound to, from memory if the key is live.
func (a *Admin) keyTenant(r *http.Request, id uuid.UUID) (string, error) {
	if a.guard.gate != nil {
		if who, ok := a.guard.gate.Key(id); ok {
			return who.Tenant, nil
		}
	}
	k, err := store.FindAPIKey(r.Context(), a.backend.DB, id, nil)
	return k.Tenant.String, err
}
