package query

import (
	"context"
	"net/http"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/fair"
)

// freeAnswer is how long an answer may be, in bytes, without a share of the memory for requests:
// the kernel takes it off our hands, whether or not the client reads.
const freeAnswer = 64 << 10

// room takes what an answer of so many bytes needs while it is made and sent; the caller gives
// it back. A client that does not read keeps an answer in memory for as long as it may take for it.
func (h *Handlers) room(r *http.Request, bytes int) (give func(), err error) {
	if bytes <= freeAnswer {
		return func() {}, nil
	}
	share := h.budget.Share(account.Holder(r.Context()))
	if share.Take(int64(bytes)) != nil {
		return nil, problem.AnswersCrowded()
	}
	return share.Give, nil
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

// turns are so many at a time for each holder, and so many in all; 0: any number. With AUTH=off
// everybody is one holder, who has four times as much.
func turns(each, all int) *fair.Limit[budget.Holder] {
	return fair.NewLimit(func(who budget.Holder) int {
		if who == (budget.Holder{}) {
			return 4 * each
		}
		return each
	}, all)
}

// takeTurn takes one for a request, and end gives it back.
func takeTurn(t *fair.Limit[budget.Holder], r *http.Request) (end func(), err error) {
	who := account.Holder(r.Context())
	if !t.Enter(who) {
		return nil, problem.TooManyAtOnce()
	}
	return func() { t.Leave(who) }, nil
}

// heavy runs a query that reads much, when it is its turn.
func (h *Handlers) heavy(ctx context.Context, query func() error) error {
	select {
	case h.heavies <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.heavies }()
	return query()
}
