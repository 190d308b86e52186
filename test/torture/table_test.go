package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is what one fault has done, all its injections together.
type row struct {
	times, acked  int
	gap           time.Duration
	lost, doubled int
}

// table is the account of all faults.
func (j *journal) table(found findings) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows := map[string]*row{}
	of := func(fault string) *row {
		if rows[fault] == nil {
			rows[fault] = &row{}
		}
		return rows[fault]
	}
	for _, s := range j.spans {
		x := of(s.fault)
		x.times++
		x.acked += s.acked
		x.gap = max(x.gap, s.gap)
	}
	for fault, n := range found.lost {
		of(fault).lost = n
	}
	for fault, n := range found.doubled {
		of(fault).doubled = n
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fault\ttimes\tacked\tlost\tdoubled\tlongest s without ack\t")
	for _, fault := range slices.Sorted(maps.Keys(rows)) {
		x := rows[fault]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%.2f\t\n", fault, x.times, x.acked, x.lost, x.doubled,
			x.gap.Seconds())
	}
	w.Flush() // a strings.Builder takes everything
	return text.String()
}

// totals is the account of the run.
func (j *journal) totals(found findings, ran time.Duration) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var failed []string
	for _, reason := range slices.Sorted(maps.Keys(j.failed)) {
		failed = append(failed, fmt.Sprintf("%s: %d", reason, j.failed[reason]))
	}
	return fmt.Sprintf("%d events acknowledged in %.0f s (%.0f/s); of %d with unknown outcome %d"+
		" counted; %d lost as announced; failed requests: %s",
		len(j.acked), ran.Seconds(), float64(len(j.acked))/ran.Seconds(), len(j.unknown), found.unknownIn,
		found.known, strings.Join(failed, ", "))
}
