package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// unpackBody appends what src holds, one gzip stream, to body.
func unpackBody(body *bytes.Buffer, src io.Reader) *Problem {
	wire := wire{r: src}
	switch err := unpack(body, &wire); {
	case wire.err != nil:
		return problemOfReading(wire.err)
	case errors.Is(err, errBomb):
		return problemTooLarge()
	case err != nil:
		return &Problem{Type: "/problems/invalid-encoding", Title: "The body is not what its Content-Encoding says", Status: http.StatusBadRequest,
			Detail: "the body is not one whole gzip stream and nothing else"}
	}
	return nil
}

// wire remembers why a body could not be read, apart from why it could not be unpacked.
type wire struct {
	r   io.Reader
	err error
}

// Read reads the body.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

var (
	errBomb     = errors.New("the body unpacks to more than is allowed")
	errTrailing = errors.New("something follows the gzip stream")
)

// unpacker is what reading a gzip stream needs, 45 kB of it.
type unpacker struct {
	src  *bufio.Reader
	gzip gzip.Reader
}

var unpackers = sync.Pool{New: func() any { return &unpacker{src: bufio.NewReader(nil)} }}

// unpack appends the one gzip stream that src is to body. RFC 1952 lets several streams
// follow each other, but no client joins them by intention: half of what follows would be
// the next request of somebody else.
func unpack(body *bytes.Buffer, src io.Reader) error {
	u := unpackers.Get().(*unpacker)
	defer func() {
		u.src.Reset(nil)
		unpackers.Put(u)
	}()
	u.src.Reset(src)
	if err := u.gzip.Reset(u.src); err != nil {
		return err
	}
	u.gzip.Multistream(false)
	n, err := body.ReadFrom(io.LimitReader(&u.gzip, meter.MaxBody+1))
	if err != nil {
		return err
	}
	if n > meter.MaxBody {
		return errBomb
	}
	if _, err := u.src.ReadByte(); err != io.EOF {
		return errors.Join(errTrailing, err)
	}
	return nil
}
