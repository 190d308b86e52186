package alerter

import (
	"log/slog"
	"testing"

	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
)

// options change an alerter for a test.
type options struct {
	outbox.Options
	Usage UsageReader
}

// world makes alerters.
type world struct{ *alertertest.World }

func newWorld(t testing.TB) *world {
	t.Helper()
	return &world{alertertest.New(t)}
}

// alerter makes an Alerter of this world; more than one may work at once.
func (w *world) alerter(change ...func(*options)) *Alerter {
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	o := options{Usage: w, Options: outbox.Options{
		DB:           w.App,
		AllowPrivate: true,
		Log:          slog.New(slog.NewJSONHandler(w.Logs, debug)),
		Now:          w.Clock,
	}}
	for _, c := range change {
		c(&o)
	}
	return New(Options{DB: w.App, Usage: o.Usage, Changes: w, Outbox: outbox.New(o.Options),
		Log: o.Log, Now: o.Now, Registerer: o.Registerer})
}

// run calls RunOnce and fails the test if it fails.
func (w *world) run(a *Alerter) Result {
	w.T.Helper()
	result, err := a.RunOnce(w.T.Context())
	if err != nil {
		w.T.Fatal(err)
	}
	return result
}
