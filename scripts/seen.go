package scripts

import (
	"crypto/sha256"
	"time"
)

// EventID is a client's event id with what it was sent for. Valkey keeps hashes of
// both, see seen.lua.
//
// At least 100 bits of the id's hash count: 88 in the field and 12 or more in the bucket.
// A new id meets about 150 remembered ones in its buckets and is taken for one of them
// with a probability of 5e-25: at 1,000 ids/s that is once in 65 trillion years. Another
// content under the same id is taken for the same content with a probability of 2^-40.
type EventID struct {
	Tenant, ID string
	// Content is the event as far as a repetition must have it the same, in any
	// encoding, or AnyContent.
	Content string
}

// AnyContent remembers an id so that every content counts as the same.
const AnyContent = ""

// Sizes of an id's parts as seen.lua takes them, in bytes.
const (
	printSize  = 4 + 11 // bucket and field
	digestSize = 5
)

// windowMillis is the dedupe window as the scripts take it.
func windowMillis(dedupe time.Duration) int64 { return max(dedupe.Milliseconds(), 1) }

// packIDs are the ids as seen.lua takes them, one after the other.
func packIDs(ids []EventID) []byte {
	packed := make([]byte, 0, len(ids)*(printSize+digestSize))
	var buf []byte
	for _, id := range ids {
		// No name has a control character, so the zero byte keeps tenant "ab", id "c"
		// apart from tenant "a", id "bc".
		buf = append(append(append(buf[:0], id.Tenant...), 0), id.ID...)
		sum := sha256.Sum256(buf)
		packed = append(packed, sum[:printSize]...)
		packed = appendDigest(packed, id.Content)
	}
	return packed
}

func appendDigest(packed []byte, content string) []byte {
	if content == AnyContent {
		return append(packed, make([]byte, digestSize)...)
	}
	sum := sha256.Sum256([]byte(content))
	digest := [digestSize]byte(sum[:])
	if digest == [digestSize]byte{} { // means any content
		digest[0] = 1
	}
	return append(packed, digest[:]...)
}
