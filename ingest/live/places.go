package live

import (
	"errors"

	"github.com/eduardosanzb/flagmeter/internal/budget"
)

// What clients of GET /live may take. A client costs about 40 kB; a list that nobody else
// has costs a sort of all tenants each second.
const (
	maxClients = 1000
	maxLists   = 50
	// maxTenantClients is how many of them may be bound to the same tenant. All that are bound to
	// one have nine tenths of the places: the rest is for operators. Of those one key has half of
	// the places, and of the lists, at the most.
	maxTenantClients = 50
)

// errFull reports that there are as many clients, or different lists, as may be: in all, or
// of one holder.
var errFull = errors.New("too many live clients")

// join adds a client of a query; the caller must leave again. It returns errFull if
// there are too many, and an error if the feeds have ended.
func (f *Feeds) join(q question, who budget.Holder) (*feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.stop:
		return nil, errors.New("the server is stopping")
	default:
	}
	own := f.all[q]
	if !f.hasPlace(who) || own == nil && !q.ofOne() && !f.hasList(who) {
		return nil, errFull
	}
	if own == nil {
		own = &feed{query: q, first: who, renewed: make(chan struct{})}
		f.all[q] = own
		if !q.ofOne() {
			f.lists++
			f.listsBy[who]++
		}
		select {
		case f.wake <- struct{}{}:
		default: // it will be looked at anyway
		}
	}
	own.clients++
	f.count(who, 1)
	f.served.Add(1)
	if !f.running {
		f.running = true
		f.served.Go(f.run)
	}
	return own, nil
}

// hasPlace reports whether one more client of a holder may come; f.mu is held.
func (f *Feeds) hasPlace(who budget.Holder) bool {
	switch {
	case f.clients >= f.most:
		return false
	case who.Tenant != "":
		return f.by[who] < min(maxTenantClients, f.most/4) && f.bound < f.most*9/10
	}
	return who == (budget.Holder{}) || f.by[who] < f.most/2
}

// hasList reports whether a holder may ask for one more list that nobody else has; f.mu is held.
func (f *Feeds) hasList(who budget.Holder) bool {
	return f.lists < maxLists && (who == (budget.Holder{}) || f.listsBy[who] < maxLists/2)
}

// count adds clients of a holder; f.mu is held.
func (f *Feeds) count(who budget.Holder, n int) {
	f.clients += n
	if who.Tenant != "" {
		f.bound += n
	}
	if f.by[who] += n; f.by[who] == 0 {
		delete(f.by, who)
	}
}

// leave takes a client away.
func (f *Feeds) leave(own *feed, who budget.Holder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count(who, -1)
	if own.clients--; own.clients == 0 {
		delete(f.all, own.query)
		if !own.query.ofOne() {
			f.lists--
			if f.listsBy[own.first]--; f.listsBy[own.first] == 0 {
				delete(f.listsBy, own.first)
			}
		}
	}
	f.served.Done()
}

// End tells all clients to close, and takes no new ones.
func (f *Feeds) End() {
	f.mu.Lock() // who has joined before is waited for
	defer f.mu.Unlock()
	f.stopped.Do(func() { close(f.stop) })
}

// Wait returns when all clients are gone after End.
func (f *Feeds) Wait() { f.served.Wait() }

// size is the number of clients.
func (f *Feeds) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clients
}
