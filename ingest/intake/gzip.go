package intake

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync"

	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// readPacked reads src, one gzip stream, and unpacks it into body.
func readPacked(body *bytes.Buffer, src io.Reader, share *budget.Share) error {
	wire := buffers.Get().(*bytes.Buffer)
	defer putBuffer(wire)
	packed, err := fill(wire, src, share)
	if err != nil {
		return refusalOf(err)
	}
	switch err := unpack(body, wire, share); {
	case errors.Is(err, errBomb):
		return problem.TooLarge()
	case errors.Is(err, budget.ErrFull):
		return err
	case err != nil:
		return problem.InvalidEncoding()
	}
	share.Return(packed)
	return nil
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
func unpack(body *bytes.Buffer, src io.Reader, share *budget.Share) error {
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
	if _, err := fill(body, io.LimitReader(&u.gzip, meter.MaxBody+1), share); err != nil {
		return err
	}
	if body.Len() > meter.MaxBody {
		return errBomb
	}
	if _, err := u.src.ReadByte(); err != io.EOF {
		return errors.Join(errTrailing, err)
	}
	return nil
}
