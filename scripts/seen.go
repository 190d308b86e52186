package scripts

import (
	"crypto/sha256"
	"time"
)

// EventID is a client's event id with the content that it was sent with. Valkey keeps hashes of
// both (seen.lua).
//
// At least 100 bits of the id's hash are compared: 88 in the field and 12 or more in the bucket. A
// new id meets about 150 remembered ones in its buckets. It is mistaken for one of them with a
// probability of 5e-25: at 1,000 ids/s that is once in 65 trillion years. Another content under the
// same id is mistaken for the same content with a probability of 2^-40.
type EventID struct {
	Tenant, ID string
	// Content is the part of the event that a repetition must have the same, in any encoding, or
	// AnyContent.
	Content string
}

// AnyContent makes every content of the id count as the same.
const AnyContent = ""

// Sizes of an id's parts as seen.lua expects them, in bytes.
const (
	printSize  = 4 + 11 // bucket and field
	digestSize = 5
)

// windowMillis returns the dedupe window in the unit of the scripts.
func windowMillis(dedupe time.Duration) int64 { return max(dedupe.Milliseconds(), 1) }

// packIDs returns the ids as seen.lua expects them, one after the other.
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
	if digest == [digestSize]byte{} { // it means any content
		digest[0] = 1
	}
	return append(packed, digest[:]...)
}
