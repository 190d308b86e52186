package ingest

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// freeAnswer is how long an answer may be, in bytes, without a share of the memory for requests:
// the kernel takes it off our hands, whether or not the client reads.
const freeAnswer = 64 << 10

// room takes what an answer of so many bytes needs while it is made and sent; the caller gives
// it back. Without room it answers 503 and returns false: a client that does not read keeps an
// answer in memory for as long as it may take for it.
func (s *Server) room(w http.ResponseWriter, r *http.Request, bytes int) (give func(), ok bool) {
	if bytes <= freeAnswer {
		return func() {}, true
	}
	share := s.budget.Share(holderOf(r.Context()))
	if share.Take(int64(bytes)) != nil {
		WriteProblem(w, problemUnavailable("the memory for answers is used up: ask again later, or for less"))
		return nil, false
	}
	return share.Give, true
}

// What reads much of Postgres is bounded for each holder and in all, or 40 exports by one
// client made the pages of all others 30 times as slow.
const (
	// maxExports is how many exports one holder may have at a time, allExports all of them.
	maxExports = 2
	allExports = 16
	// maxSeriesAtOnce is how many series one holder may ask for at a time: a page needs two.
	maxSeriesAtOnce = 16
	// heavyQueries is how many queries of either kind run at a time, of the 8 that a process may have.
	heavyQueries = 3
)

// turns counts what each holder has in hand. It is safe for concurrent use.
type turns struct {
	each, all int

	mu    sync.Mutex
	taken int
	by    map[budget.Holder]int
}

func newTurns(each, all int) *turns {
	return &turns{each: each, all: all, by: map[budget.Holder]int{}}
}

// enter takes a turn if there is one, and end gives it back. With AUTH=off everybody is one
// holder, who has four times as much.
func (t *turns) enter(who budget.Holder) (end func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	each := t.each
	if who == (budget.Holder{}) {
		each *= 4
	}
	if t.by[who] >= each || t.taken >= t.all {
		return nil, false
	}
	t.by[who]++
	t.taken++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.taken--
		if t.by[who]--; t.by[who] == 0 {
			delete(t.by, who)
		}
	}, true
}

// takeTurn is enter for a request. Without a turn it answers 429 and returns false.
func takeTurn(t *turns, w http.ResponseWriter, r *http.Request) (end func(), ok bool) {
	end, ok = t.enter(holderOf(r.Context()))
	if !ok {
		WriteProblem(w, &Problem{Type: "/problems/too-many-at-once", Title: "Too many of these at once", Status: http.StatusTooManyRequests,
			Detail:     "others that you have asked for are still being answered: ask again when one has ended",
			RetryAfter: 5 * time.Second})
	}
	return end, ok
}

// heavy runs a query that reads much, when it is its turn.
func (s *Server) heavy(ctx context.Context, query func() error) error {
	select {
	case s.heavies <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.heavies }()
	return query()
}
