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
	rows []*row
}

// row is a line of the table. Aim is empty for what is shown only to compare with.
type row struct {
	work, measured, ratio, aim string
	met                        bool
	shares                     shares
}

// shares are the parts of a core that the client and the process that it drives took; none
// if no client did.
type shares struct{ client, server float64 }

// busy tells whether the client is part of what limits a figure.
func (s shares) busy() bool { return s.client > 0.5 || s.client > s.server }

func (s shares) String() string {
	switch {
	case s == shares{}:
		return ""
	case s.busy():
		return "**" + percent(s.client) + "** / " + percent(s.server)
	}
	return percent(s.client) + " / " + percent(s.server)
}

func newReport() *report { return &report{} }

// show adds a line without an aim.
func (r *report) show(work, measured, ratio string) *row {
	return r.judge(work, measured, ratio, "", false)
}

// judge adds a line with an aim.
func (r *report) judge(work, measured, ratio, aim string, met bool) *row {
	line := &row{work: work, measured: measured, ratio: ratio, aim: aim, met: met}
	r.rows = append(r.rows, line)
	return line
}

// driven adds what the client took.
func (r *row) driven(s shares) { r.shares = s }

// String is the table in Markdown.
func (r *report) String() string {
	var b strings.Builder
	b.WriteString("| work | measured | ratio, in the same run | aim | | client / server |\n" +
		"|---|---|---|---|---|---|\n")
	driven, busy := 0, 0
	for _, row := range r.rows {
		verdict := ""
		if row.aim != "" {
			verdict = "**missed**"
			if row.met {
				verdict = "met"
			}
		}
		if row.shares != (shares{}) {
			driven++
			if row.shares.busy() {
				busy++
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n",
			row.work, row.measured, row.ratio, row.aim, verdict, row.shares)
	}
	fmt.Fprintf(&b, "\nEvents have an id and are of %d tenants and the last 5 minutes, unless the "+
		"row says otherwise. The last column has the shares of a core that the client and the "+
		"process that answers took. In %d of %d rows the client took more than half a core, or "+
		"more than that process (bold): there it is part of what limits the figure.\n",
		customers, busy, driven)
	return b.String()
}

// write stores the table with the circumstances of the run in a file, "" for none.
func (r *report) write(out string) error {
	if out == "" {
		return nil
	}
	text := fmt.Sprintf("# The last `make bench`\n\n%s\n\n%s", r.circumstances(), r)
	if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
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
	commit, err := exec.CommandContext(context.Background(),
		"git", "describe", "--always", "--dirty").Output()
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
	return fmt.Sprintf("%s, %s, %s, commit %s; it took %.0f s, "+
		"the load of the last 5 minutes was %s, with that of the run itself.",
		time.Now().UTC().Format(time.DateOnly), machine,
		runtime.Version(), bytes.TrimSpace(commit), r.Took.Seconds(), load)
}
