package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// report is the table.
type report struct {
	Took time.Duration
	rows []row
}

// row is a line of the table. Aim is empty for what is shown only to compare with.
type row struct {
	work, measured, ratio, aim string
	met                        bool
}

func newReport() *report { return &report{} }

// show adds a line without an aim.
func (r *report) show(work, measured, ratio string) {
	r.rows = append(r.rows, row{work: work, measured: measured, ratio: ratio})
}

// judge adds a line with an aim.
func (r *report) judge(work, measured, ratio, aim string, met bool) {
	r.rows = append(r.rows, row{work, measured, ratio, aim, met})
}

// String is the table in Markdown.
func (r *report) String() string {
	var b strings.Builder
	b.WriteString("| work | measured | ratio, in the same run | aim | |\n|---|---|---|---|---|\n")
	for _, row := range r.rows {
		verdict := ""
		if row.aim != "" {
			verdict = "**missed**"
			if row.met {
				verdict = "met"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.work, row.measured, row.ratio, row.aim, verdict)
	}
	return b.String()
}

// Markers of the table in a README.
const begin, end = "<!-- begin of the table that make bench writes -->\n", "<!-- end of the table -->\n"

// write stores the table with the circumstances of the run in out, and the table alone
// between the markers in readme; either may be empty.
func (r *report) write(out, readme string) error {
	if out != "" {
		text := fmt.Sprintf("# The last `make bench`\n\n%s\n\n%s", r.circumstances(), r)
		if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	if readme == "" {
		return nil
	}
	return replaceBetween(readme, begin, end, "\n"+r.String()+"\n")
}

// replaceBetween replaces what is between two markers in a file.
func replaceBetween(file, begin, end, with string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the table", file)
	}
	text = slices.Concat(before, []byte(begin+with+end), after)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write the table into %s: %w", file, err)
	}
	return nil
}

// circumstances say where and when the table was made.
func (r *report) circumstances() string {
	commit, err := exec.CommandContext(context.Background(), "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	machine := fmt.Sprintf("%d cores", runtime.NumCPU())
	load := "unknown"
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 && cpus[0].ModelName != "" {
			machine += " of " + cpus[0].ModelName
		}
		if avg, err := fs.LoadAvg(); err == nil {
			load = fmt.Sprintf("%.1f", avg.Load5)
		}
	}
	return fmt.Sprintf("%s, %s, %s, commit %s; it took %.0f s, the load of the last 5 minutes was %s, with that of the run itself.",
		time.Now().UTC().Format(time.DateOnly), machine, runtime.Version(), bytes.TrimSpace(commit), r.Took.Seconds(), load)
}

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

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func mebibytes(bytes int) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
