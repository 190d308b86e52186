package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/julienschmidt/httprouter"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// maxKeyRequest bounds the body of POST /keys, in bytes.
const maxKeyRequest = 4 << 10

// keyAnswer is an API key as an answer shows it.
type keyAnswer struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`
	Tenant     *string    `json:"tenant"` // null: all
	CreatedAt  time.Time  `json:"createdAt"`
	RateLimit  *int64     `json:"rateLimit"` // events a second; null: none of its own
	RateBurst  *int64     `json:"rateBurst"`
	ExpiresAt  *time.Time `json:"expiresAt"`
	RevokedAt  *time.Time `json:"revokedAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"` // to the minute
	Key        string     `json:"key,omitempty"`
}

func (s *Server) newKeyAnswer(k store.APIKey) keyAnswer {
	instant := func(t time.Time, valid bool) *time.Time {
		t = t.UTC()
		if !valid {
			return nil
		}
		return &t
	}
	a := keyAnswer{ID: k.ID, Name: k.Name, Scope: k.Scope, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: instant(k.ExpiresAt.Time, k.ExpiresAt.Valid),
		RevokedAt: instant(k.RevokedAt.Time, k.RevokedAt.Valid), LastUsedAt: instant(k.LastUsedAt.Time, k.LastUsedAt.Valid)}
	if k.Tenant.Valid {
		tenant := s.shown(k.Tenant.String)
		a.Tenant = &tenant
	}
	if rate := k.Rate(); rate.Limited() {
		a.RateLimit, a.RateBurst = &rate.PerSecond, &rate.Burst
	}
	return a
}

// getKeys is GET /keys: the caller's tenant's, or all, in order of creation.
func (s *Server) getKeys(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	if problem := parseQuery(r).problem(); problem != nil {
		WriteProblem(w, problem)
		return
	}
	keys, err := store.APIKeys(r.Context(), s.db, auth.Of(r.Context()).Tenant)
	if err != nil {
		s.unavailable(w, r, "API keys cannot be read now", err)
		return
	}
	all := make([]keyAnswer, len(keys))
	for i, k := range keys {
		all[i] = s.newKeyAnswer(k)
	}
	writeKeys(w, http.StatusOK, map[string]any{"keys": all})
}

// postKeys is POST /keys: the answer holds the new key, which nobody can see again.
func (s *Server) postKeys(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
	k, problem := s.parseKey(w, r)
	if problem != nil {
		WriteProblem(w, problem)
		return
	}
	key, stored, err := auth.Create(r.Context(), s.db, k, s.now())
	switch {
	case errors.Is(err, store.ErrNoTenant): // since it was looked up
		WriteProblem(w, problemUnknownTenant(k.Tenant))
		return
	case err != nil:
		s.unavailable(w, r, "the API key cannot be stored now", err)
		return
	}
	s.log.Info("API key created", "key", stored.ID, "scope", k.Scope, "tenant", k.Tenant, "by", auth.Of(r.Context()).KeyID)
	answer := s.newKeyAnswer(stored)
	answer.Key = key
	writeKeys(w, http.StatusCreated, answer)
}

// parseKey reads which key to create. A caller that is bound to a tenant makes keys of that
// tenant only.
func (s *Server) parseKey(w http.ResponseWriter, r *http.Request) (auth.NewKey, *Problem) {
	invalid := func(field, detail string) *Problem {
		return &Problem{Type: "/problems/invalid-key", Title: "Invalid API key", Status: http.StatusBadRequest,
			Detail: "no key was made", Errors: []FieldError{{Field: field, Detail: detail}}}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != contentTypeJSON[0] {
		return auth.NewKey{}, &Problem{Type: "/problems/unsupported-media-type", Title: "Unsupported media type",
			Status: http.StatusUnsupportedMediaType, Detail: "Content-Type must be application/json"}
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxKeyRequest))
	if err != nil {
		return auth.NewKey{}, invalid("", "the body did not arrive whole, or is larger than 4 KiB")
	}
	var ask struct {
		Scope     string     `json:"scope"`
		Tenant    *string    `json:"tenant"`
		Name      string     `json:"name"`
		ExpiresAt *time.Time `json:"expiresAt"`
		RateLimit *int64     `json:"rateLimit"`
		RateBurst *int64     `json:"rateBurst"`
	}
	if err := strict.Unmarshal(text, &ask, strict.RejectUnknownMembers(true)); err != nil {
		return auth.NewKey{}, invalid("", "the body must be an object of scope, tenant, name, expiresAt, rateLimit and rateBurst, each once")
	}
	k := auth.NewKey{Scope: ask.Scope, Name: ask.Name}
	if _, err := auth.ParseScope(k.Scope); err != nil {
		return k, invalid("scope", err.Error())
	}
	if wrong := meter.CheckName(k.Name); k.Name != "" && wrong != "" {
		return k, invalid("name", wrong)
	}
	if ask.ExpiresAt != nil {
		if k.Expires = *ask.ExpiresAt; !k.Expires.After(s.now()) {
			return k, invalid("expiresAt", "must be in the future")
		}
	}
	switch {
	case ask.RateLimit == nil && ask.RateBurst == nil:
	case ask.RateLimit == nil || *ask.RateLimit < 1 || *ask.RateLimit > meter.MaxRate:
		return k, invalid("rateLimit", "must be an integer from 1 to 1000000")
	case ask.RateBurst != nil && (*ask.RateBurst < 1 || *ask.RateBurst > meter.MaxBurst):
		return k, invalid("rateBurst", "must be an integer from 1 to 1000000000")
	default:
		k.Rate = meter.Rate{PerSecond: *ask.RateLimit, Burst: *ask.RateLimit}
		if ask.RateBurst != nil {
			k.Rate.Burst = *ask.RateBurst
		}
	}
	who := auth.Of(r.Context())
	if ask.Tenant == nil {
		if who.Tenant != "" {
			p := problemForbidden(auth.ToAdmin)
			p.Detail = "a key that is bound to a tenant makes keys of that tenant only"
			return k, p
		}
		return k, nil
	}
	k.Tenant = *ask.Tenant
	tenant, ok := s.visible(r, k.Tenant)
	if !ok {
		return k, problemUnknownTenant(k.Tenant)
	}
	k.Tenant = tenant.Name
	return k, nil
}

// deleteKey is DELETE /keys/:id: the key ends within two seconds, on every process.
func (s *Server) deleteKey(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
	who := auth.Of(r.Context())
	id, err := uuid.Parse(params.ByName("id"))
	if err != nil {
		WriteProblem(w, problemUnknownKey())
		return
	}
	owner, err := s.keyTenant(r, id)
	switch {
	case errors.Is(err, store.ErrNoKey), err == nil && !who.Sees(owner):
		WriteProblem(w, problemUnknownKey())
		return
	case err != nil:
		s.unavailable(w, r, "the API key cannot be looked up now", err)
		return
	}
	pending, err := auth.Revoke(r.Context(), s.db, s.valkey, id, s.now())
	if err != nil {
		s.unavailable(w, r, "no store can note now that the API key is revoked", err)
		return
	}
	if pending != nil {
		s.log.Warn("API key revoked, which one store does not know yet", "key", id, "error", pending)
	}
	s.log.Info("API key revoked", "key", id, "by", who.KeyID)
	w.WriteHeader(http.StatusNoContent)
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

func problemUnknownKey() *Problem {
	return &Problem{Type: "/problems/unknown-key", Title: "Unknown API key", Status: http.StatusNotFound, Detail: "there is no API key of that id"}
}

func writeKeys(w http.ResponseWriter, status int, answer any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil { // cannot be: strings and times
		WriteProblem(w, problemInternal())
		return
	}
	w.Header()["Content-Type"] = contentTypeJSON
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the client has gone away: there is nobody left to tell
}
