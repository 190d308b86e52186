package meter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxThreshold is the largest threshold, in percent of the quota.
const MaxThreshold = 1000

// ParseThresholds reads percentages with commas in between, like "80,100". They come in order,
// each once; an empty text is none. The result is never nil without an error.
func ParseThresholds(s string) ([]int, error) {
	thresholds := []int{}
	if s == "" {
		return thresholds, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > MaxThreshold {
			return nil, fmt.Errorf("must be integers from 1 to %d with commas in between", MaxThreshold)
		}
		thresholds = append(thresholds, n)
	}
	slices.Sort(thresholds)
	return slices.Compact(thresholds), nil
}
