package ingest

import (
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// appendLine appends an event as a line of Postgres' COPY text format, without the
// line feed: id, tenant, feature, tokens, created_at, idempotency_key. The line is
// stored in Valkey as it is and sent to Postgres unchanged, so it is encoded once.
func appendLine(b []byte, id uuid.UUID, e meter.Event) []byte {
	if b == nil {
		b = make([]byte, 0, 36+len(e.Tenant)+len(e.Feature)+len(e.ID)+13+29+8)
	}
	b = append(b, id.String()...)
	b = appendText(append(b, '\t'), e.Tenant)
	b = appendText(append(b, '\t'), e.Feature)
	b = strconv.AppendInt(append(b, '\t'), e.Tokens, 10)
	b = e.At.UTC().AppendFormat(append(b, '\t'), "2006-01-02 15:04:05.999999+00")
	if e.ID == "" {
		return append(b, "\t\\N"...)
	}
	return appendText(append(b, '\t'), e.ID)
}

// appendText appends a name. The backslash is the only character that COPY text
// treats specially and a name can contain: meter.CheckName refuses the control characters.
func appendText(b []byte, s string) []byte {
	for {
		before, after, found := strings.Cut(s, `\`)
		b = append(b, before...)
		if !found {
			return b
		}
		b = append(b, `\\`...)
		s = after
	}
}
