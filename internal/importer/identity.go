package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
)

// rowPrefix starts the ids that are made of a row's content. Those of the version before
// start with csv-, so the two cannot meet.
const rowPrefix = "row"

// identity gives each row its event id; the package comment says which.
type identity struct {
	column int    // of the id; -1 if rows have none
	prefix string // of ids by place in the file; "" if they are made of content
	source string

	order []int // columns by name
	names []string
	hash  hash.Hash
	buf   []byte
	// times counts the rows with equal content, by 64 bits of their hash: 25 to 38 bytes for
	// each distinct row (BenchmarkIdentity). If two contents met in these bits, they would
	// number their occurrences together; their ids, which have 128 bits, would still differ.
	times map[uint64]uint32
}

func newIdentity(o Options, c columns) *identity {
	id := &identity{column: c.id, prefix: o.IDPrefix, source: o.Source, names: c.header}
	if c.id >= 0 || o.IDPrefix != "" {
		return id
	}
	id.hash, id.times = sha256.New(), map[uint64]uint32{}
	for i := range c.header {
		id.order = append(id.order, i)
	}
	slices.SortStableFunc(id.order, func(a, b int) int {
		return cmp.Compare(c.header[a], c.header[b])
	})
	return id
}

// of is the id of a record, the number-th of the file from 1. Each record must be shown to it
// once, in the order of the file.
func (id *identity) of(record []string, number int64) string {
	switch {
	case id.column >= 0:
		return strings.TrimSpace(record[id.column])
	case id.prefix != "":
		return id.prefix + "-" + strconv.FormatInt(number, 10)
	}
	id.hash.Reset()
	id.add(id.source)
	for _, i := range id.order {
		id.add(id.names[i])
		id.add(strings.TrimSpace(record[i]))
	}
	sum := id.hash.Sum(id.buf[:0])
	id.buf = sum
	short := binary.BigEndian.Uint64(sum)
	id.times[short]++
	occurrence := strconv.FormatUint(uint64(id.times[short]), 10)
	return rowPrefix + "-" + hex.EncodeToString(sum[:16]) + "-" + occurrence
}

// add hashes a text with its length in front, so that no two lists of texts look alike.
func (id *identity) add(s string) {
	id.buf = append(binary.AppendUvarint(id.buf[:0], uint64(len(s))), s...)
	id.hash.Write(id.buf)
}

// start is what ids start with, before a dash; "" if a column has them.
func (id *identity) start() string {
	if id.byContent() {
		return rowPrefix
	}
	return id.prefix
}

// byContent reports whether ids are made of content and occurrence.
func (id *identity) byContent() bool { return id.hash != nil }
