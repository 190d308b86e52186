package param

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/google/uuid"
)

// PageTimeout bounds the reading of a page from Postgres.
const PageTimeout = 5 * time.Second

// EncodeCursor is the cursor of a place in a list that is ordered by time and id.
func EncodeCursor(at time.Time, id uuid.UUID) string {
	return base64.RawURLEncoding.EncodeToString([]byte(at.UTC().Format(time.RFC3339Nano) + " " + id.String()))
}

// DecodeCursor reads a cursor of EncodeCursor.
func DecodeCursor(cursor string) (at time.Time, id uuid.UUID, err error) {
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
