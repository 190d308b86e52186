package meter

import (
	"slices"
	"testing"
)

func TestParseThresholds(t *testing.T) {
	for text, want := range map[string][]int{
		"": {}, "80": {80}, "100, 80,80": {80, 100}, "1,1000": {1, 1000},
		"0": nil, "1001": nil, "80,": nil, "80%": nil, "-1": nil, " ": nil, "80;90": nil, "99999999999999999999": nil,
	} {
		got, err := ParseThresholds(text)
		if (err == nil) != (want != nil) || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
}
