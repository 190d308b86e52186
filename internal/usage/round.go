package usage

import (
	"context"
	"sync"
)

// round shares an expensive answer: all callers that ask while one is being made get the next. So
// an answer begins after its question, and contains every event acknowledged before.
type round[T any] struct {
	mu      sync.Mutex
	waiting []chan<- answerOf[T]
	running bool // a goroutine is answering, and will check waiting again
}

type answerOf[T any] struct {
	value T
	err   error
}

// ask waits for the answer or the end of ctx. Callers may share the value. work runs in a separate
// goroutine, without any caller's ctx.
func (r *round[T]) ask(ctx context.Context, work func(context.Context) (T, error)) (T, error) {
	answer := make(chan answerOf[T], 1)
	r.mu.Lock()
	r.waiting = append(r.waiting, answer)
	if !r.running {
		r.running = true
		go r.run(context.WithoutCancel(ctx), work)
	}
	r.mu.Unlock()
	select {
	case a := <-answer:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (r *round[T]) run(ctx context.Context, work func(context.Context) (T, error)) {
	for {
		r.mu.Lock()
		asked := r.waiting
		r.waiting = nil
		r.running = len(asked) > 0
		r.mu.Unlock()
		if len(asked) == 0 {
			return
		}
		limited, cancel := context.WithTimeout(ctx, roundLimit)
		value, err := work(limited)
		cancel()
		for _, answer := range asked {
			answer <- answerOf[T]{value, err}
		}
	}
}
