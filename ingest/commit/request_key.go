package commit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// requestContent is the digest of a request's events in their order, as decoded, so white space and
// the order of JSON fields do not count. It contains the keys of tenants: a request that is
// repeated after a tenant was renamed is the same. The zero value is ready to use.
type requestContent struct {
	sum    hash.Hash
	unread []byte // not in sum yet
}

// add adds an event. Its tenant is a key, and its time is zero if the client sent none. No name
// contains the zero byte.
func (c *requestContent) add(e *meter.Event) {
	if c.sum == nil {
		c.sum, c.unread = sha256.New(), make([]byte, 0, 4096)
	}
	b := append(append(c.unread, e.Tenant...), 0)
	b = append(append(b, e.Feature...), 0)
	b = append(append(b, e.ID...), 0)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Amounts[meter.Tokens]))
	if e.At.IsZero() {
		b = append(b, 0)
	} else {
		b = binary.BigEndian.AppendUint64(append(b, 1), uint64(e.At.UnixMicro()))
	}
	if c.unread = b; len(b) > 2048 { // each Write costs some 50 ns
		c.sum.Write(b)
		c.unread = b[:0]
	}
}

func (c *requestContent) digest() string {
	c.sum.Write(c.unread)
	return string(c.sum.Sum(nil))
}

// sentUnder is what the events of a request with a key have in common. tenant is the tenant that
// the sender is bound to, "" for none. API keys change, so a request's key does not belong to one.
func sentUnder(key, tenant string) record.Request {
	if tenant != "" {
		return record.Request{Key: key, Scope: record.OfTenant}
	}
	return record.Request{Key: key, Scope: record.OfAll}
}

// giveKey adds a request's key to each of its submissions, as one more id.
func giveKey(submissions []*submission, tenant, content string) {
	for _, s := range submissions {
		s.request = scripts.RequestKey(tenant, s.sent.Key, content)
		s.ids++
		// The form is known only now; both forms have the same length.
		if len(submissions) > 1 && s.sent.Scope == record.OfAll {
			for _, it := range s.items {
				s.lines[it.end-1] = byte(record.OfShards)
			}
		}
	}
}

// form is the form of its records.
func (s *submission) form() int {
	if s.request.ID == "" || len(s.items) == 0 {
		return record.FormPlain
	}
	return record.FormRequest
}

// ofRequest stands for the request's key where the index of an item is expected.
const ofRequest = -1

// seenRequest handles a submission whose request's key was seen before. With the same content, all
// of its events are duplicates, whatever happened to their own ids. Otherwise it returns the
// refusal.
func (c *committer) seenRequest(s *submission, seen scripts.Seen) error {
	switch {
	case seen.OnItsWay:
		return ErrKeyInUse
	case !seen.Same:
		c.limiter.charge(s, nil)
		return KeyConflict{}
	}
	all := make(map[int]bool, len(s.items))
	for i := range s.items {
		all[i] = true
	}
	c.limiter.charge(s, all)
	s.drop(all)
	s.request = scripts.EventID{}
	return nil
}

// refuseUnread answers the submissions whose records a running flusher may be unable to read, and
// takes them out of the group.
func (c *committer) refuseUnread(g *group) {
	g.remove(func(s *submission) bool {
		if s.form() == record.FormPlain {
			return false
		}
		c.unstage(s)
		s.done <- result{err: ErrKeyTooNew}
		return true
	})
}

// eventsSeen is the number of events that the ids in seen stand for.
func eventsSeen(seen []scripts.Seen, owner []owned) (n int) {
	for _, one := range seen {
		if o := owner[one.Index]; o.item == ofRequest {
			n += len(o.submission.items)
		} else {
			n++
		}
	}
	return n
}
