package audit

import (
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// line is what an event's line of COPY text counts for.
type line struct {
	row    scripts.MinuteKey
	tokens int64
}

// parseLine reads a line as ingest encodes it: id, tenant, feature, tokens, time, key. It
// reports false for one that is damaged.
func parseLine(text string) (line, bool) {
	fields := strings.Split(text, "\t")
	if len(fields) != 6 {
		return line{}, false
	}
	tokens, err := strconv.ParseInt(fields[3], 10, 64)
	if err != nil {
		return line{}, false
	}
	at, err := time.Parse("2006-01-02 15:04:05-07", fields[4]) // a fraction may follow the seconds
	if err != nil {
		return line{}, false
	}
	// In a name, the backslash is the only character that COPY text escapes.
	row := scripts.MinuteKey{Tenant: strings.ReplaceAll(fields[1], `\\`, `\`), Feature: strings.ReplaceAll(fields[2], `\\`, `\`), Minute: at.Unix() / 60}
	return line{row, tokens}, true
}
