package importer

import (
	"runtime"
	"strconv"
	"testing"
)

// BenchmarkIdentity is the id of a distinct row, and the memory that stays for it.
func BenchmarkIdentity(b *testing.B) {
	id := newIdentity(Options{}, columns{header: []string{"at", "model", "in", "out"}, id: -1})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range b.N {
		id.of([]string{"2026-11-30T10:00:00Z", "gpt-4-turbo", strconv.Itoa(n), "12"}, int64(n))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "B-kept/row")
	runtime.KeepAlive(id)
}
