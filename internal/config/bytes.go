package config

import (
	"errors"
	"math"

	"github.com/dustin/go-humanize"
)

// Bytes is a number of bytes that can be written with a unit: 64MiB, 1 GB or 67108864.
type Bytes int64

// UnmarshalText reads b from text.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err == nil && n > math.MaxInt64 {
		err = errors.New("more than 8 EiB")
	}
	*b = Bytes(n)
	return err
}
