package problem

import (
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// maxEcho is how many characters of a client's text a problem repeats at most: enough
// to find the place, too little to make an error a megabyte long.
const maxEcho = 64

// Clip returns text cut to 64 characters, with U+FFFD for what is not UTF-8.
func Clip(text string) string {
	n, cut := 0, 0
	for i := range text {
		switch n++; n {
		case maxEcho:
			cut = i
		case maxEcho + 1:
			return strings.ToValidUTF8(text[:cut], "\uFFFD") + "…"
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// AsInstant continues the detail of a problem: it shows how a time in seconds since 1970 is
// written. It is "" if text is no such time.
func AsInstant(text string) string {
	at, ok := meter.ParseUnix(text)
	if !ok {
		return ""
	}
	return "; " + text + ` is written "` + at.Format(time.RFC3339Nano) + `"`
}
