package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

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
// that size.
func readBody(body *bytes.Buffer, w http.ResponseWriter, r *http.Request) *Problem {
	packed := false
	switch coding := strings.Join(r.Header.Values("Content-Encoding"), ", "); strings.ToLower(coding) {
	case "", "identity":
	case "gzip", "x-gzip": // two names of one thing, RFC 9110 section 8.4.1.3
		packed = true
	default:
		w.Header().Set("Accept-Encoding", "gzip")
		return &Problem{Type: "/problems/unsupported-media-type", Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType,
			Detail: fmt.Sprintf("Content-Encoding %q is not supported: send the body as it is, or compressed with gzip once", clip(coding))}
	}
	if r.ContentLength > meter.MaxBody {
		return problemTooLarge()
	}
	var src io.Reader = r.Body
	if r.ContentLength < 0 { // else the server reads no more than it says
		src = http.MaxBytesReader(w, r.Body, meter.MaxBody)
	}
	if packed {
		return unpackBody(body, src)
	}
	_, err := body.ReadFrom(src)
	return problemOfReading(err)
}

// problemOfReading is nil if a body has been read to its end.
func problemOfReading(err error) *Problem {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return problemTooLarge()
	}
	return &Problem{Type: "/problems/incomplete-body", Title: "The body did not arrive whole", Status: http.StatusBadRequest,
		Detail: "the connection ended or the time ran out before the end of the body"}
}
