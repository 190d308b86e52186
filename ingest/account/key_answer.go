package account

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// keyAnswer is an API key as an answer shows it.
type keyAnswer struct {
	ID         uuid.UUID  `json:"id"`
	Name       string     `json:"name"`
	Scope      string     `json:"scope"`  // several with spaces between
	Tenant     *string    `json:"tenant"` // null: all
	CreatedAt  time.Time  `json:"createdAt"`
	CreatedBy  *uuid.UUID `json:"createdBy"` // null: no key
	OpenMode   bool       `json:"openMode"`  // it ends when callers are asked for a credential
	RateLimit  *int64     `json:"rateLimit"` // events a second; null: none of its own
	RateBurst  *int64     `json:"rateBurst"`
	ExpiresAt  *time.Time `json:"expiresAt"`
	RevokedAt  *time.Time `json:"revokedAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"` // to the minute
	Key        string     `json:"key,omitempty"`
}

func (g *Guard) newKeyAnswer(k store.APIKey) keyAnswer {
	instant := func(t time.Time, valid bool) *time.Time {
		t = t.UTC()
		if !valid {
			return nil
		}
		return &t
	}
	a := keyAnswer{
		ID: k.ID, Name: k.Name, Scope: auth.ScopeOf(k).String(),
		CreatedAt: k.CreatedAt.UTC(), OpenMode: k.OpenMode,
		ExpiresAt:  instant(k.ExpiresAt.Time, k.ExpiresAt.Valid),
		RevokedAt:  instant(k.RevokedAt.Time, k.RevokedAt.Valid),
		LastUsedAt: instant(k.LastUsedAt.Time, k.LastUsedAt.Valid),
	}
	if k.Tenant.Valid {
		tenant := g.Shown(k.Tenant.String)
		a.Tenant = &tenant
	}
	if k.CreatedBy.Valid {
		a.CreatedBy = &k.CreatedBy.UUID
	}
	if rate := k.Rate(); rate.Limited() {
		a.RateLimit, a.RateBurst = &rate.PerSecond, &rate.Burst
	}
	return a
}

// keysAnswer is a page of keys.
type keysAnswer struct {
	Keys []keyAnswer `json:"keys"`
	Next *string     `json:"next"` // the cursor of what follows; null at the end
}

// newKeysAnswer is a page of at most so many of the keys. more says that others follow.
func (g *Guard) newKeysAnswer(keys []store.APIKey, page int, more bool) keysAnswer {
	var a keysAnswer
	keys = keys[:min(len(keys), page)]
	if more && len(keys) > 0 {
		last := keys[len(keys)-1]
		next := param.EncodeCursor(last.CreatedAt, last.ID)
		a.Next = &next
	}
	a.Keys = make([]keyAnswer, len(keys))
	for i, k := range keys {
		a.Keys[i] = g.newKeyAnswer(k)
	}
	return a
}

func writeKeys(w http.ResponseWriter, status int, content any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(content); err != nil { // cannot be: strings and times
		return err
	}
	w.Header()["Content-Type"] = answer.ContentType
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // fails if the client has gone away
	return nil
}
