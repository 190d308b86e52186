package alerter

import (
	"context"
	"net/http"
	"testing"
)

func TestRunFinishesWhatIsInHand(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	w.AddSlack("acme", "/a")
	ctx, cancel := context.WithCancel(t.Context())
	arrived, answer := make(chan struct{}), make(chan struct{})
	w.Slack.Answers(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-answer
	})
	ended := make(chan error, 1)
	go func() { ended <- w.alerter().Run(ctx) }()

	<-arrived
	release := w.Lock("SELECT FROM deliveries FOR UPDATE")
	cancel()
	close(answer)
	w.AwaitBlocked() // the bookkeeping
	select {
	case err := <-ended:
		t.Fatalf("Run ended with a message in hand: %v", err)
	default:
	}
	release()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
	if n := w.Count("deliveries WHERE status = 'delivered'"); n != 1 {
		t.Errorf("got %s", w.Dump())
	}
}

func TestRunWithAnEndedContextDoesNothing(t *testing.T) {
	w := newWorld(t)
	w.AddTenant("acme", 900, 1000, 80)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.alerter().Run(ctx); err != nil {
		t.Errorf("got %v", err)
	}
	if n := w.Count("alerts"); n != 0 {
		t.Errorf("got %d alerts", n)
	}
}
