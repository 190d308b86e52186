package meter

import (
	"fmt"
	"strings"
)

// Pool names a kind of tokens that has a price of its own. The pools of an event are disjoint: each
// token is in one of them, so that an event's tokens are the sum of its pools.
type Pool int

// The pools, in the order in which lists and columns have them.
const (
	// Input is input that no cache had a part in.
	Input Pool = iota
	// CacheRead is input that was read from a cache.
	CacheRead
	// CacheWrite is input that was written to a cache for the shortest time on offer (5 minutes).
	CacheWrite
	// CacheWrite1h is input that was written to a cache for an hour.
	CacheWrite1h
	// Output is output other than reasoning, as text.
	Output
	// Reasoning is output that the model does not show.
	Reasoning
	// AudioInput is input as sound.
	AudioInput
	// AudioOutput is output as sound.
	AudioOutput
	// ImageInput is input as pictures.
	ImageInput
	// ImageOutput is output as pictures.
	ImageOutput
	// Unspecified holds the tokens of an event that does not name pools.
	Unspecified
	// NumPools is how many pools there are.
	NumPools
)

// pools is the one list of pools: what each is called, and whether it counts as input.
var pools = [NumPools]struct {
	name  string
	input bool
}{
	Input:        {"input", true},
	CacheRead:    {"cacheRead", true},
	CacheWrite:   {"cacheWrite", true},
	CacheWrite1h: {"cacheWrite1h", true},
	Output:       {"output", false},
	Reasoning:    {"reasoning", false},
	AudioInput:   {"audioInput", true},
	AudioOutput:  {"audioOutput", false},
	ImageInput:   {"imageInput", true},
	ImageOutput:  {"imageOutput", false},
	Unspecified:  {"unspecified", false},
}

// String is the pool's name in JSON, CSV and Postgres.
func (p Pool) String() string { return pools[p].name }

// IsInput reports whether the pool is part of a request's input, which picks the context tier.
func (p Pool) IsInput() bool { return pools[p].input }

// PoolNames are the names of all pools, in their order.
func PoolNames() []string {
	names := make([]string, NumPools)
	for i := range names {
		names[i] = pools[i].name
	}
	return names
}

// ParsePool reads what Pool.String writes.
func ParsePool(name string) (Pool, error) {
	for i := range pools {
		if pools[i].name == name {
			return Pool(i), nil
		}
	}
	return 0, fmt.Errorf("must be one of %s, not %q", strings.Join(PoolNames(), ", "), name)
}

// Pools holds the tokens of one event in each pool. Two Pools compare with ==.
type Pools [NumPools]int64

// Total is the sum of all pools. ok is false if a pool is negative or the sum exceeds 2^63-1.
func (p Pools) Total() (tokens int64, ok bool) {
	for _, n := range p {
		if tokens += n; n < 0 || tokens < 0 {
			return 0, false
		}
	}
	return tokens, true
}

// InputTotal is the sum of the input pools, with ok as Total has it.
func (p Pools) InputTotal() (tokens int64, ok bool) {
	for i := range p {
		if !pools[i].input {
			p[i] = 0
		}
	}
	return p.Total()
}
