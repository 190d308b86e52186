package main

import (
	"fmt"
	"slices"
	"time"
)

// median is the middle one of an odd number of values, or the mean of the middle two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// medianOf is the median of a figure of each of all.
func medianOf[T any](all []T, figure func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, one := range all {
		values[i] = figure(one)
	}
	return median(values)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func times(factor float64) string { return fmt.Sprintf("%.1f ×", factor) }

func perSecond(rate float64) string { return thousands(int(rate)) + "/s" }

// thousands is n with separators, as in 398,000.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// answersIn adds the median time of an answer to a rate.
func answersIn(d time.Duration) string { return ", median answer " + millis(d) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func mebibytes(bytes int) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
