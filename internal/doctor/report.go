package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Report writes findings for a person, each as it comes, or as one JSON object at the end.
type Report struct {
	Failures, Warnings int

	out   io.Writer
	json  bool
	signs map[Status]string
	group string
	all   []Finding
	err   error
}

var (
	signs      = map[Status]string{OK: "✓", Warn: "!", Fail: "✗", Skip: "-"}
	plainSigns = map[Status]string{OK: "ok", Warn: "! ", Fail: "XX", Skip: "- "}
)

// NewReport returns a report that writes to out: JSON, or text, in plain ASCII if that is what
// the terminal takes.
func NewReport(out io.Writer, asJSON, plain bool) *Report {
	r := &Report{out: out, json: asJSON, signs: signs, all: []Finding{}}
	if plain {
		r.signs = plainSigns
	}
	return r
}

// Plain reports whether the environment asks for another encoding than UTF-8. Where it says
// nothing, as in a container, it does not.
func Plain(getenv func(string) string) bool {
	locale := strings.ToUpper(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	return locale != "" && !strings.Contains(locale, "UTF-8") && !strings.Contains(locale, "UTF8")
}

// width is that of the column of checks; a longer name pushes its text to the right.
const width = 18

// Tell adds a finding.
func (r *Report) Tell(f Finding) {
	switch f.Status {
	case Fail:
		r.Failures++
	case Warn:
		r.Warnings++
	}
	r.all = append(r.all, f)
	if r.json {
		return
	}
	if f.Group != r.group {
		r.group = f.Group
		r.print("%s\n", f.Group)
	}
	sign := r.signs[f.Status]
	r.print("  %s %s  %s\n", sign,
		f.Check+strings.Repeat(" ", max(0, width-utf8.RuneCountInString(f.Check))), f.Text)
	if f.Advice != "" {
		r.print("  %s do: %s\n", strings.Repeat(" ", utf8.RuneCountInString(sign)), f.Advice)
	}
}

// End writes the sum and returns the first error of writing.
func (r *Report) End() error {
	if r.json {
		encoder := json.NewEncoder(r.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			OK       bool      `json:"ok"`
			Failures int       `json:"failures"`
			Warnings int       `json:"warnings"`
			Findings []Finding `json:"findings"`
		}{r.Failures == 0, r.Failures, r.Warnings, r.all})
	}
	well := 0
	for _, f := range r.all {
		if f.Status == OK {
			well++
		}
	}
	r.print("%d ok, %d to look at, %d failed\n", well, r.Warnings, r.Failures)
	return r.err
}

func (r *Report) print(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.out, format, args...)
	}
}
