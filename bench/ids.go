package main

import (
	"fmt"
	"sync/atomic"
)

// Where the digits of an id lie that differ from one to the next of the same connection.
const (
	idLength  = len("00000000-0000-8000-8000-000000000000")
	firstDash = len("00000000")
	idDigits  = 12
)

// ids makes the ids that one connection sends: UUIDs (version 8, of our own making), none
// of which comes twice in a run. The last group of digits numbers the connection and stays,
// so writing an id over an earlier one costs the client 12 digits.
type ids struct {
	whole string
	n     uint64
}

// connectionsOpened numbers the connections of all loads of a run.
var connectionsOpened atomic.Uint64

func newIDs() *ids {
	return &ids{whole: fmt.Sprintf("00000000-0000-8000-8000-%012x", connectionsOpened.Add(1))}
}

// put writes the next id over the text of whole, or over an earlier id. Ids do not ascend,
// as random ones do not: multiples of an odd number are all different modulo 2^48, and
// spread.
func (i *ids) put(place []byte) {
	const odd, hex = 0x9e3779b97f4a7c15, "0123456789abcdef"
	i.n++
	v := i.n * odd
	_ = place[idLength-1]
	for at := range idDigits {
		digit := hex[v>>(4*at)&15]
		if at < firstDash {
			place[at] = digit
		} else {
			place[at+1] = digit
		}
	}
}
