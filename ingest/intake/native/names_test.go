package native

import (
	"fmt"
	"testing"
)

// BenchmarkName is what a name costs on its way in: one that was seen before, and a new one,
// checked and copied. The cache is emptied when it is full.
func BenchmarkName(b *testing.B) {
	for _, c := range []struct{ kind, form string }{
		{"ASCII", "customer-%06d"}, {"NFC", "kundé-%06d-日本"}, {"NFD", "kunde\u0301-%06d"},
	} {
		for _, n := range []int{20, 100_000} {
			names := make([][]byte, n)
			for i := range names {
				names[i] = fmt.Appendf(nil, c.form, i)
			}
			known := map[int]string{20: "known", 100_000: "new"}[n]
			b.Run(c.kind+"/"+known, func(b *testing.B) {
				cache := nameCache{}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, _, wrong := cache.get(names[i%n]); wrong != "" {
						b.Fatal(wrong)
					}
				}
			})
		}
	}
}
