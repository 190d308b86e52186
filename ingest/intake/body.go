package intake

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// buffers are for request bodies and answers.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// putBuffer gives b up. Rare large ones are left to the garbage collector.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 64<<10 {
		b.Reset()
		buffers.Put(b)
	}
}

// readBody reads the body of r, as it is or compressed with gzip. It has at most
// meter.MaxBody bytes on the wire, and as many when it is unpacked: a bomb is given up at
// that size. What it takes, and what its events will take, is taken from share first.
//
// Nothing is unpacked before the whole body is there: a client that stalls holds as much memory
// as it has sent.
func readBody(body *bytes.Buffer, w http.ResponseWriter, r *http.Request, share *budget.Share) error {
	packed := false
	switch coding := strings.Join(r.Header.Values("Content-Encoding"), ", "); strings.ToLower(coding) {
	case "", "identity":
	case "gzip", "x-gzip": // two names of one thing, RFC 9110 section 8.4.1.3
		packed = true
	default:
		w.Header().Set("Accept-Encoding", "gzip")
		return problem.ContentEncoding(coding)
	}
	if r.ContentLength > meter.MaxBody {
		return problem.TooLarge()
	}
	var src io.Reader = r.Body
	if r.ContentLength < 0 { // else the server reads no more than it says
		src = http.MaxBytesReader(w, r.Body, meter.MaxBody)
	}
	if err := share.Take(budget.Least); err != nil {
		return err
	}
	if packed {
		if err := readPacked(body, src, share); err != nil {
			return err
		}
	} else if _, err := fill(body, src, share); err != nil {
		return refusalOf(err)
	}
	return share.Take(eventsTake(body.Bytes()))
}

// fill reads src into body, and takes what body grows by from share. The first few kilobytes are
// in budget.Least. It returns how much it has taken, and budget.ErrFull or an error of src.
func fill(body *bytes.Buffer, src io.Reader, share *budget.Share) (took int64, err error) {
	const first = 4 << 10
	data := body.AvailableBuffer()
	if cap(data) == 0 {
		data = make([]byte, 0, first)
	}
	counted := first
	for {
		if cap(data) == len(data) {
			larger := make([]byte, len(data), min(2*cap(data), max(meter.MaxBody, len(data))+bytes.MinRead))
			copy(larger, data)
			data = larger
		}
		n, err := src.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if over := len(data) - counted; over > 0 {
			// By the capacity, but of a pooled buffer only what is used.
			more := min(cap(data)-counted, max(over, counted))
			if err := share.Take(int64(more)); err != nil {
				return took, err
			}
			counted += more
			took += int64(more)
		}
		if err != nil {
			*body = *bytes.NewBuffer(data)
			if err == io.EOF {
				err = nil
			}
			return took, err
		}
	}
}

// eventsTake is about what the events of a body take until they are answered, in bytes. 10,000
// events with ids held 267 bytes each with ten features and 488 with 10,000, as events, lines
// and counters; what goes to Valkey is as long as the body, and is there twice while it is encoded.
func eventsTake(body []byte) int64 {
	const each = 512
	n := int64(min(eventsIn(body), meter.MaxEvents))
	if n == 1 && len(body) < 4<<10 {
		return 0 // it is in budget.Least
	}
	return n*each + 2*int64(len(body))
}

// refusalOf is what answers an error of reading a body.
func refusalOf(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem.TooLarge()
	case errors.Is(err, budget.ErrFull):
		return err
	}
	return problem.IncompleteBody()
}
