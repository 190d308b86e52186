package outbox_test

import (
	"log/slog"
	"testing"

	"github.com/eduardosanzb/flagmeter/alerter"
	"github.com/eduardosanzb/flagmeter/alerter/alertertest"
	"github.com/eduardosanzb/flagmeter/alerter/outbox"
)

// role is an Alerter with its Outbox.
type role struct {
	*alerter.Alerter
	outbox *outbox.Outbox
}

// world makes alerters, so that a test follows an alert from the crossing to the answer of its
// webhook.
type world struct{ *alertertest.World }

func newWorld(t testing.TB) *world {
	t.Helper()
	return &world{alertertest.New(t)}
}

// alerter makes an Alerter of this world; more than one may work at once.
func (w *world) alerter(change ...func(*outbox.Options)) role {
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	o := outbox.Options{
		DB:           w.App,
		AllowPrivate: true,
		Log:          slog.New(slog.NewJSONHandler(w.Logs, debug)),
		Now:          w.Clock,
	}
	for _, c := range change {
		c(&o)
	}
	box := outbox.New(o)
	return role{alerter.New(alerter.Options{DB: w.App, Usage: w, Changes: w, Outbox: box,
		Log: o.Log, Now: o.Now, Registerer: o.Registerer}), box}
}

// run calls RunOnce and fails the test if it fails.
func (w *world) run(a role) alerter.Result {
	w.T.Helper()
	result, err := a.RunOnce(w.T.Context())
	if err != nil {
		w.T.Fatal(err)
	}
	return result
}
