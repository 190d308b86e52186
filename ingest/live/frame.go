package live

import (
	"bytes"
	"strconv"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/answer"
	"github.com/eduardosanzb/flagmeter/ingest/query"
)

// A feed sends what a client does not know yet. Its states are immutable, so what to send is
// a function of the one that a client has and the present one, however many it has missed.

// state is what a feed knows at one time: a page, or a tenant's usage.
type state struct {
	page    *query.Page
	content []byte // of a tenant: the answer to GET /usage/:tenant without its braces and asOf
	asOf    time.Time
	stale   bool
}

// frame is the message that takes a client from have, which may be nil, to s. It is nil if
// there is nothing to tell.
func (s *state) frame(have *state) []byte {
	switch {
	case s.page == nil:
		if have != nil && have.stale == s.stale && bytes.Equal(have.content, s.content) {
			return nil
		}
		return s.end(append([]byte(`{"type":"tenant",`), s.content...))
	case have == nil:
		b := append(make([]byte, 0, s.page.Size()), `{"type":"snapshot",`...)
		return s.end(s.page.Append(b))
	}
	b, changed := s.page.AppendChange([]byte(`{"type":"change",`), have.page)
	if !changed && have.stale == s.stale {
		return nil
	}
	return s.end(b)
}

// alive is the message that says that nothing has changed.
func (s *state) alive() []byte { return s.end([]byte(`{"type":"alive"`)) }

// end appends asOf, stale and the closing brace.
func (s *state) end(b []byte) []byte {
	b = answer.AppendTime(append(b, `,"asOf":`...), s.asOf)
	return append(strconv.AppendBool(append(b, `,"stale":`...), s.stale), '}')
}
