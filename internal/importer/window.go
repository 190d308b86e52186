package importer

import (
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/client"
)

// window is what an import knows of the server's dedupe window: for how long its own ids are
// remembered, and whether those of an earlier import may be forgotten.
type window struct {
	began  time.Time     // the import, in UTC
	length time.Duration // 0 if the server has not said it
	oldest time.Time     // of the rows of batches that were accepted in part; zero without times
}

func (w *window) count(batch []row, got client.Result) {
	if got.DedupeWindow > 0 {
		w.length = got.DedupeWindow
	}
	if got.Accepted == 0 {
		return
	}
	for _, r := range batch {
		if !r.at.IsZero() && (w.oldest.IsZero() || r.at.Before(w.oldest)) {
			w.oldest = r.at
		}
	}
}

// until is when the server begins to forget the import's ids; nil if that is not known.
func (w *window) until() *time.Time {
	if w.length == 0 {
		return nil
	}
	at := w.began.Add(w.length).Truncate(time.Second)
	return &at
}

// warning is about rows that an earlier import may have counted before the window; "" if there
// are none.
func (w *window) warning() string {
	if w.length == 0 || w.oldest.IsZero() || !w.oldest.Before(w.began.Add(-w.length)) {
		return ""
	}
	forgotten := w.began.Add(-w.length)
	return fmt.Sprintf("rows are up to %s old, and the server remembers ids for %s: "+
		"if they were imported before %s as well, they have been counted again",
		rounded(w.began.Sub(w.oldest)), rounded(w.length), forgotten.Format(time.RFC3339))
}

// rounded is a time as a person says it: 12d, 3h or 1m30s.
func rounded(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.Truncate(time.Second).String()
}
