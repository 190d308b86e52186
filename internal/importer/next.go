package importer

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// notes say what a person should know or do after an import, each with the command to run
// where there is one.
func (r *Result) notes(o Options, byContent bool) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if warning := r.window.warning(); warning != "" {
		note("%s", warning)
	}
	if r.Conflicts > 0 && byContent {
		note(
			"%s of the refused rows were counted before with another feature, token column, time column "+
				"or zone, and stay counted so; to count them as well: %s",
			grouped(r.Conflicts), o.command("--source", o.sourceName()))
	}
	if r.Conflicts > 0 && !byContent {
		note(
			"%s of the refused rows have ids that the server knows with other content, which stays counted",
			grouped(r.Conflicts))
	}
	if mendable := r.Refused - r.Conflicts; mendable > 0 {
		note("%s; then import the whole of it again%s: %s", r.mend(o), r.by(), o.command())
	}
	switch {
	case r.Duplicates == 0 || !byContent:
	case r.Accepted == 0:
		note("all rows look like rows that were counted before and were not counted again; if they are "+
			"those of another period, import them with a source: %s",
			o.command("--source", o.sourceName()))
	case o.Timestamp == "" && o.Source == "":
		// A source would now count again what has just been accepted.
		note(
			"%s rows look like rows that were counted before and were not counted again; where files of "+
				"different periods have rows that look alike, give each file a --source from the first"+
				" import on",
			grouped(r.Duplicates))
	}
	return notes
}

// notes say what a person should know of how the rows were read.
func (rs *rows) notes(o Options) (notes []string) {
	if *rs.cols.local && o.Zone == "" {
		notes = append(notes,
			"times and dates that name no zone were read as UTC; --zone NAME reads them in another")
	}
	if rs.odd > 0 {
		others := ""
		if rs.odd > 1 {
			others = fmt.Sprintf(" (and %s more like that)", grouped(rs.odd-1))
		}
		notes = append(notes,
			fmt.Sprintf("%s are one row by its quotes, and hold what looks like rows of their "+
				"own%s: is a quote left open there?", rs.firstOdd, others))
	}
	return notes
}

// mend says how the refused rows are to be mended, so that the others keep their ids.
func (r *Result) mend(o Options) string {
	switch {
	case o.File == "-":
		return "mend the refused rows in what is piped in"
	case o.IDPrefix != "":
		return "mend the refused rows in " + quote(o.File) + " where they are, since ids count rows"
	}
	return "mend the refused rows in " + quote(o.File)
}

// by says until when the rows that are counted may be sent again.
func (r *Result) by() string {
	if until := r.window.until(); until != nil {
		return " before " + until.Format(time.RFC3339) + ", while the server knows the other rows"
	}
	return " within the server's DEDUPE_WINDOW, while it knows the other rows"
}

// goOn says how an import that broke off at now goes on.
func (r *Result) goOn(now time.Time) string {
	until := r.window.until()
	switch {
	case until == nil:
		return "run it again to go on: no row counts twice"
	case now.Before(*until):
		return fmt.Sprintf("run it again before %s to go on: no row counts twice",
			until.Format(time.RFC3339))
	}
	return "the server has begun to forget its rows, so they would count again: " +
		"take those that are counted out of the file before running it again"
}

// sourceName suggests one: the file's own name.
func (o Options) sourceName() string {
	if o.File == "-" {
		return "NAME"
	}
	name := filepath.Base(o.File)
	for _, ending := range []string{".gz", ".bz2", ".csv", ".tsv", ".txt"} {
		name = strings.TrimSuffix(name, ending)
	}
	if name == o.Source {
		name += "-2"
	}
	return name
}

// command is the command line of the options, for a shell. Flags that are given replace those
// of the same name.
func (o Options) command(flags ...string) string {
	words := []string{"flagmeter", "import", quote(o.File)}
	given := map[string]string{}
	for i := 0; i+1 < len(flags); i += 2 {
		given[flags[i]] = flags[i+1]
	}
	for _, f := range []struct{ flag, value string }{
		{"--tenant", o.Tenant}, {"--feature", o.Feature}, {"--tokens", o.Tokens},
		{"--timestamp", o.Timestamp}, {"--zone", o.Zone}, {"--id", o.ID},
		{"--source", o.Source}, {"--id-prefix", o.IDPrefix}, {"--url", o.URL},
	} {
		if value, ok := given[f.flag]; ok {
			f.value = value
		}
		if f.value != "" && !(f.flag == "--url" && f.value == DefaultURL) {
			words = append(words, f.flag, quote(f.value))
		}
	}
	return strings.Join(words, " ")
}

// plain is a word that no shell changes.
var plain = regexp.MustCompile(`^[0-9A-Za-z_@%+:,./-]+$`)

// quote is a word for a POSIX shell.
func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
