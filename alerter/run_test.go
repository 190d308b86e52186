package alerter

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestRunStartsAtOnceAndFinishesWhatIsInHand(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	w.webhook("acme", "/a")
	ctx, cancel := context.WithCancel(t.Context())
	arrived, answer := make(chan struct{}), make(chan struct{})
	w.slack.answers(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-answer
	})
	ended := make(chan error, 1)
	go func() { ended <- w.alerter().Run(ctx) }()

	<-arrived // long before the first tick
	release := w.lock("SELECT FROM alert_deliveries FOR UPDATE")
	cancel()
	close(answer)
	w.awaitBlocked() // the bookkeeping
	select {
	case err := <-ended:
		t.Fatalf("Run ended with a message in hand: %v", err)
	default:
	}
	release()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
	if n := w.count("alert_deliveries WHERE status = 'delivered'"); n != 1 {
		t.Errorf("got %s", w.dump())
	}
}

func TestRunWithAnEndedContextDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.alerter().Run(ctx); err != nil {
		t.Errorf("got %v", err)
	}
	if n := w.count("alerts"); n != 0 {
		t.Errorf("got %d alerts", n)
	}
}

func TestAPanicEndsOneTickOnly(t *testing.T) {
	w := newWorld(t)
	w.tenant("acme", 900, 1000, 80)
	a := w.alerter()
	_, job, err := a.jobs(t.Context(), make(chan struct{}, 1))
	if err != nil {
		t.Fatal(err)
	}
	w.reading = func() { panic("in the reader") }
	job.Run()
	if !strings.Contains(w.logs.String(), "in the reader") {
		t.Error("the panic is not logged")
	}
	w.reading = nil
	job.Run()
	if n := w.count("alerts"); n != 1 {
		t.Errorf("the next tick made %d alerts, want 1", n)
	}
}

func TestATickIsSkippedWhileOneRuns(t *testing.T) {
	w := newWorld(t)
	a := w.alerter()
	_, job, err := a.jobs(t.Context(), make(chan struct{}, 1))
	if err != nil {
		t.Fatal(err)
	}
	reads := 0
	w.reading = func() {
		reads++
		if reads == 1 {
			job.Run()
		}
	}
	job.Run()
	if reads != 1 {
		t.Errorf("usage was read %d times", reads)
	}
}
