package budget

import (
	"errors"
	"math"
	"runtime/debug"
	"sync"
)

// ErrFull reports that the budget, or the part of it that one holder may have, is used up now.
var ErrFull = errors.New("the memory for requests is used up")

const (
	// Least is what a request takes at the least, in bytes.
	Least = 16 << 10
	// small is up to how many bytes a request may use the last eighth.
	small = 64 << 10
	// unlimited is the budget of a process without a memory limit, and floor the smallest one: a
	// body of 4 MiB with 10,000 events needs half of it.
	unlimited = 512 << 20
	floor     = 40 << 20
)

// Holder is whose requests share a part of the budget. The zero Holder is anybody: it may have
// all of it.
type Holder struct {
	Tenant string
	Key    [16]byte
	Kind   string
}

// Budget is bytes that requests share. It is safe for concurrent use.
type Budget struct {
	total int64

	mu    sync.Mutex
	taken int64
	by    map[Holder]int64
}

// New returns a budget of so many bytes; 0: Default.
func New(bytes int64) *Budget {
	if bytes == 0 {
		bytes = Default(debug.SetMemoryLimit(-1))
	}
	return &Budget{total: bytes, by: map[Holder]int64{}}
}

// Default is the budget of a process with a memory limit (GOMEMLIMIT), in bytes: a quarter of it.
func Default(limit int64) int64 {
	if limit == math.MaxInt64 {
		return unlimited
	}
	return max(limit/4, floor)
}

// Total is the whole budget, in bytes.
func (b *Budget) Total() int64 { return b.total }

// Taken is what is used now, in bytes.
func (b *Budget) Taken() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}

// Share is what one request has taken. It is the request's own: not for concurrent use.
type Share struct {
	of    *Budget
	who   Holder
	taken int64
}

// Share begins a share that has nothing yet. Whoever has taken something gives it back.
func (b *Budget) Share(who Holder) Share { return Share{of: b, who: who} }

// Take takes more bytes, or returns ErrFull and takes none.
func (s *Share) Take(bytes int64) error {
	b := s.of
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.total - b.taken
	if s.taken+bytes > small {
		room -= b.total / 8
	}
	if s.who != (Holder{}) {
		room = min(room, b.total/2-b.by[s.who])
	}
	if bytes > room {
		return ErrFull
	}
	b.taken += bytes
	s.taken += bytes
	if s.who != (Holder{}) {
		b.by[s.who] += bytes
	}
	return nil
}

// Give gives back all that was taken. It may be called again.
func (s *Share) Give() { s.Return(s.taken) }

// Return gives back some of what was taken.
func (s *Share) Return(bytes int64) {
	if bytes == 0 {
		return
	}
	b := s.of
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken -= bytes
	s.taken -= bytes
	if s.who != (Holder{}) {
		if b.by[s.who] -= bytes; b.by[s.who] == 0 {
			delete(b.by, s.who)
		}
	}
}
