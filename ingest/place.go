package ingest

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/google/uuid"
)

// listLimit bounds the reading of a page that Postgres is asked for: nobody waits for longer.
const listLimit = 5 * time.Second

// encodePlace is the cursor of a place in a list that is ordered by time and id.
func encodePlace(at time.Time, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.UTC().Format(time.RFC3339Nano) + " " + id.String()))
}

func decodePlace(cursor string) (at time.Time, id uuid.UUID, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
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
