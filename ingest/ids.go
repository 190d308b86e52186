package ingest

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// eventIDs makes the ids under which events are stored: UUIDs of version 7 (RFC 9562), the
// time of arrival in front of a counter that starts at random. Within a process no number
// comes twice; that two processes draw starts of 62 bits so close that they meet within
// the same millisecond does not happen. uuid.NewV7 draws 74 bits for each, which takes 0.8 µs
// instead of 20 ns, a fiftieth of a request.
type eventIDs struct{ counter atomic.Uint64 }

func newEventIDs() *eventIDs {
	var start [8]byte
	_, _ = rand.Read(start[:]) // never fails
	ids := &eventIDs{}
	ids.counter.Store(binary.BigEndian.Uint64(start[:]))
	return ids
}

// next is the id of an event that arrived at now. It may be called from any goroutine.
func (ids *eventIDs) next(now time.Time) (id uuid.UUID) {
	const version, variant, random = 7 << 12, 0b10 << 62, 1<<62 - 1
	n := ids.counter.Add(1)
	fraction := uint64(now.Nanosecond()%1e6) << 12 / 1e6 // of the millisecond, 12 bits (6.2, method 3)
	binary.BigEndian.PutUint64(id[:8], uint64(now.UnixMilli())<<16|version|fraction)
	binary.BigEndian.PutUint64(id[8:], variant|n&random)
	return id
}
