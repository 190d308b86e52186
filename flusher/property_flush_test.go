package flusher

import (
	"context"
	"errors"
	"slices"

	"pgregory.net/rapid"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
)

// Flush lets a flusher run to its end.
func (m *machine) Flush(t *rapid.T) {
	f := m.idle(t)
	if _, err := f.RunOnce(context.Background()); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

var errCrash = errors.New("crash")

// Crash ends a flusher after one of its steps; another process takes its place.
func (m *machine) Crash(t *rapid.T) {
	f := m.idle(t)
	at := batch.Step(rapid.IntRange(int(batch.StepDurable), int(batch.StepDrop)).Draw(t, "step"))
	f.after = func(s batch.Step) error {
		if s == at {
			return errCrash
		}
		return nil
	}
	if _, err := f.RunOnce(context.Background()); err != nil && !errors.Is(err, errCrash) {
		t.Fatalf("flush with a crash after step %d: %v", at, err)
	}
	m.flushers[slices.Index(m.flushers, f)] = m.rig.flusher()
}

// pause is a flusher that sleeps in the middle of a run.
type pause struct {
	reached chan struct{}
	wake    chan struct{}
	done    chan error
}

// Pause stops a flusher outside its transaction, as SIGSTOP would.
func (m *machine) Pause(t *rapid.T) {
	f := m.idle(t)
	at := rapid.SampledFrom([]batch.Step{batch.StepDurable, batch.StepRead, batch.StepCommit,
		batch.StepAck}).Draw(t, "step")
	p := &pause{make(chan struct{}), make(chan struct{}), make(chan error, 1)}
	f.after = func(s batch.Step) error {
		if s == at {
			f.after = func(batch.Step) error { return nil }
			close(p.reached)
			<-p.wake
		}
		return nil
	}
	go func() {
		_, err := f.RunOnce(context.Background())
		p.done <- err
	}()
	select {
	case <-p.reached:
		m.paused[slices.Index(m.flushers, f)] = p
	case err := <-p.done: // nothing to do, the step was not reached
		f.after = func(batch.Step) error { return nil }
		if err != nil {
			t.Fatalf("flush: %v", err)
		}
	}
}

// Wake lets a paused flusher go on, however much has happened since.
func (m *machine) Wake(t *rapid.T) {
	for i, p := range m.paused {
		if p != nil {
			m.wake(t, i)
			return
		}
	}
	t.Skip("none is paused")
}

func (m *machine) wake(t *rapid.T, i int) {
	close(m.paused[i].wake)
	if err := <-m.paused[i].done; err != nil {
		t.Fatalf("flush after a pause: %v", err)
	}
	m.paused[i] = nil
}

// idle is a flusher that is not paused.
func (m *machine) idle(t *rapid.T) *Flusher {
	i := rapid.IntRange(0, 1).Draw(t, "flusher")
	if m.paused[i] != nil {
		i = 1 - i
	}
	if m.paused[i] != nil {
		t.Skip("both are paused")
	}
	return m.flushers[i]
}
