package ingest

import (
	"errors"
	"net/http"

	"github.com/google/uuid"
	"github.com/julienschmidt/httprouter"

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

// deleteKey is DELETE /keys/:id: the key ends within two seconds, on every process, and with
// made=true also those that it has made and that the caller may know of.
func (s *Server) deleteKey(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	q := parseQuery(r, "made")
	made := q.oneOf("made", "false", "true") == "true"
	if problem := q.problem(); problem != nil {
		WriteProblem(w, problem)
		return
	}
	id, ok := s.ownKey(w, r, params.ByName("id"))
	if !ok {
		return
	}
	ctx, who, now := r.Context(), auth.Of(r.Context()), s.now()
	pending, err := auth.Revoke(ctx, s.db, s.valkey, id, now)
	if err != nil {
		s.unavailable(w, r, "no store can note now that the API key is revoked", err)
		return
	}
	answer := revokedAnswer{ID: id}
	if made {
		var untold error
		answer.MadeRevoked, untold, err = auth.RevokeMade(ctx, s.db, s.valkey, id, who.Tenant, now)
		if err != nil {
			const detail = "the API key is revoked, but those that it has made cannot be now: repeat this"
			s.unavailable(w, r, detail, err)
			return
		}
		pending = errors.Join(pending, untold)
	}
	live, unknown := auth.LiveMade(ctx, s.db, id, who.Tenant, now)
	if unknown == nil {
		answer.MadeLive = &live
	}
	if err := errors.Join(pending, unknown); err != nil {
		s.log.Warn("API key revoked, which one store does not know yet", "key", id, "error", err)
	}
	s.log.Info("API key revoked", "key", id, "by", who.KeyID,
		"madeRevoked", answer.MadeRevoked, "madeLive", live)
	writeKeys(w, http.StatusOK, answer)
}

// ownKey is the id of a key that the caller may revoke. If there is none, it has answered.
func (s *Server) ownKey(w http.ResponseWriter, r *http.Request, text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	if err != nil {
		WriteProblem(w, problemUnknownKey())
		return id, false
	}
	owner, err := s.keyTenant(r, id)
	switch {
	case errors.Is(err, store.ErrNoKey), err == nil && !auth.Of(r.Context()).Sees(owner):
		WriteProblem(w, problemUnknownKey())
	case err != nil:
		s.unavailable(w, r, "the API key cannot be looked up now", err)
	default:
		return id, true
	}
	return id, false
}

// keyTenant is the tenant that a key is bound to, from memory if the key is live.
func (s *Server) keyTenant(r *http.Request, id uuid.UUID) (string, error) {
	if s.gate != nil {
		if who, ok := s.gate.Key(id); ok {
			return who.Tenant, nil
		}
	}
	k, err := store.FindAPIKey(r.Context(), s.db, id, nil)
	return k.Tenant.String, err
}
