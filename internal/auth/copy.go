package auth

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

// copied is a key in the copy that Valkey holds. It has only the fields that a check needs.
type copied struct {
	ID         uuid.UUID `json:"id"`
	Hash       []byte    `json:"hash"`
	SessionKey []byte    `json:"sessionKey"`
	Scope      string    `json:"scope"`
	// a version that does not know them allows less
	MoreScopes []string    `json:"moreScopes,omitempty"`
	Tenant     string      `json:"tenant,omitempty"`
	ExpiresAt  *time.Time  `json:"expiresAt,omitempty"`
	Rate       *meter.Rate `json:"rate,omitempty"` // nil: none
}

func encode(all []store.APIKey) ([]byte, error) {
	rows := make([]copied, len(all))
	for i, k := range all {
		rows[i] = copied{ID: k.ID, Hash: k.Hash, SessionKey: k.SessionKey, Scope: k.Scope,
			MoreScopes: k.MoreScopes, Tenant: k.Tenant.String}
		if rate := k.Rate(); rate.Limited() {
			rows[i].Rate = &rate
		}
		if k.ExpiresAt.Valid {
			at := k.ExpiresAt.Time.UTC()
			rows[i].ExpiresAt = &at
		}
	}
	return json.Marshal(rows)
}

// decode reads what any version's encode has written. odd lists the keys that cannot be read.
func decode(data []byte) (all []store.APIKey, odd []store.OddRow, err error) {
	var rows []jsontext.Value // read strictly below, so that an odd row is left out alone
	if err := strict.Unmarshal(data, &rows, jsontext.AllowDuplicateNames(true)); err != nil {
		return nil, nil, fmt.Errorf("decode copy of API keys: %w", err)
	}
	all = make([]store.APIKey, 0, len(rows))
	for _, row := range rows {
		var r copied
		if err := strict.Unmarshal(row, &r); err != nil {
			odd = append(odd, store.OddRow{Table: "copy of api_keys", Row: r.ID.String(),
				Reason: err.Error(), Instead: "the key does not work"})
			continue
		}
		k := store.APIKey{ID: r.ID, Hash: r.Hash, SessionKey: r.SessionKey, Scope: r.Scope,
			MoreScopes: r.MoreScopes,
			Tenant:     sql.NullString{String: r.Tenant, Valid: r.Tenant != ""}}
		if r.Rate != nil {
			k.SetRate(*r.Rate)
		}
		if r.ExpiresAt != nil {
			k.ExpiresAt = sql.NullTime{Time: *r.ExpiresAt, Valid: true}
		}
		all = append(all, k)
	}
	return all, odd, nil
}
