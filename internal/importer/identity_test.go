package importer_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAMendedFileCountsItsRowsOnce(t *testing.T) {
	s := newRealServer(t)
	s.tenant("t")
	first, report := s.run(s.file("t", "f.csv", "model,tokens\na,100\nb,\"1,500\"\nc,200\n"))
	if first.Accepted != 2 || first.Refused != 1 || s.total("t") != 300 {
		t.Fatalf("got %+v and %d tokens", first, s.total("t"))
	}
	if want := "f.csv; then import the whole of it again before "; !strings.Contains(report, want) ||
		!strings.Contains(report, "f.csv --tenant t --feature x --tokens tokens") {
		t.Errorf("the report does not say what to run next:\n%s", report)
	}
	second, _ := s.run(s.file("t", "f.csv", "model,tokens\na,100\nb,1500\nc,200\n"))
	if strings.Contains(strings.Join(second.Notes, "\n"), "flagmeter import") {
		t.Errorf("a source would count the mended row again: %q", second.Notes)
	}
	if second.Accepted != 1 || second.Duplicates != 2 || s.total("t") != 1800 {
		t.Errorf("mended: got %+v and %d tokens, want 1800", second, s.total("t"))
	}
}

func TestANewerRowOnTopCountsOnce(t *testing.T) {
	s := newRealServer(t)
	s.tenant("t")
	s.run(s.file("t", "yesterday.csv", "model,tokens\na,10\na,20\n"))
	s.run(s.file("t", "today.csv", "model,tokens\na,15\na,10\na,20\n"))
	if got := s.total("t"); got != 45 {
		t.Errorf("got %d tokens, want 45", got)
	}
}

func TestEqualFilesOfDifferentHours(t *testing.T) {
	s := newRealServer(t)
	s.tenant("t")
	const text = "model,tokens\na,10\na,20\n"
	ten, eleven := s.file("t", "10h.csv", text), s.file("t", "11h.csv", text)
	s.run(ten)
	_, report := s.run(eleven)
	if want := "all rows look like rows that were counted before"; s.total("t") != 30 ||
		!strings.Contains(report, want) || !strings.Contains(report, " --source 11h") {
		t.Errorf("without a source: %d tokens, report\n%s", s.total("t"), report)
	}
	eleven.Source = "2026-11-30T11"
	for range 2 {
		if s.run(eleven); s.total("t") != 60 {
			t.Errorf("with a source: %d tokens, want 60", s.total("t"))
		}
	}
}

func TestAColumnOfIDs(t *testing.T) {
	s := newRealServer(t)
	s.tenant("t")
	o := s.file("t", "f.csv", "id,model,tokens\nr1,a,10\nr2,a,10\n,a,3\n")
	o.ID = "id"
	if got, _ := s.run(o); got.Accepted != 2 || got.Refused != 1 ||
		got.Refusals[0].Reason != "id must not be empty" {
		t.Errorf("got %+v", got)
	}
	// A changed row is a conflict, a renamed model is none of the server's concern.
	o = s.file("t", "f.csv", "id,model,tokens\nr1,a,11\nr2,b,10\nr3,a,3\n")
	o.ID = "id"
	got, report := s.run(o)
	if got.Accepted != 1 || got.Duplicates != 1 || got.Conflicts != 1 || s.total("t") != 23 {
		t.Errorf("got %+v and %d tokens, want 23", got, s.total("t"))
	}
	want := "1 of the refused rows have ids that the server knows with other content"
	if !strings.Contains(report, want) {
		t.Errorf("got report\n%s", report)
	}
}

// What a row is read as is no part of its identity: read otherwise, it is refused.
func TestARowReadOtherwiseIsAConflict(t *testing.T) {
	s := newRealServer(t)
	s.tenant("t")
	o := s.file("t", "f.csv", "at,in,tokens\n"+time.Now().UTC().Format(time.RFC3339)+",1,10\n")
	s.run(o)
	for what, change := range map[string]func(){
		"feature": func() { o.Feature = "y" }, "tokens": func() { o.Tokens = "in" },
		"time": func() { o.Timestamp = "at" },
	} {
		before := o
		change()
		got, report := s.run(o)
		if got.Conflicts != 1 || s.total("t") != 10 || !strings.Contains(report, " --source f") {
			t.Errorf("another %s: got %+v and %d tokens, report\n%s", what, got, s.total("t"), report)
		}
		o = before
	}
}

func TestRowsOlderThanTheWindowAreWarnedOf(t *testing.T) {
	s := newRealServer(t)
	s.tenant("t")
	now := time.Now().UTC()
	for age, warned := range map[time.Duration]bool{time.Hour: false, 26 * time.Hour: true} {
		o := s.file("t", "f.csv", "at,tokens\n"+now.Add(-age).Format(time.RFC3339)+",10\n")
		o.Timestamp = "at"
		got, report := s.run(o)
		if strings.Contains(report, "the server remembers ids for 3h") != warned {
			t.Errorf("rows %s old: report\n%s", age, report)
		}
		until := got.RepeatableUntil
		if until == nil || until.Before(now.Add(2*time.Hour)) || until.After(now.Add(4*time.Hour)) {
			t.Errorf("repeatable until %v", until)
		}
	}
}

// The total is that of the file after any edits but those of a row that was counted, and an
// import after each.
func TestEditsOfAFile(t *testing.T) {
	s := newRealServer(t)
	fewer(t, 25)
	tenants := 0
	rapid.Check(t, func(rt *rapid.T) {
		tenants++
		f := &edited{rt: rt, tenant: fmt.Sprintf("t%d", tenants), counted: map[string]int{}}
		s.tenant(f.tenant)
		f.insert()
		f.importAll(s)
		rt.Repeat(map[string]func(*rapid.T){
			"insert": func(*rapid.T) { f.insert() },
			"mend":   func(*rapid.T) { f.mend() },
			"reorder": func(rt *rapid.T) {
				seed := rapid.Uint64().Draw(rt, "seed")
				rand.New(rand.NewPCG(seed, 0)).Shuffle(len(f.rows), func(i, j int) {
					f.rows[i], f.rows[j] = f.rows[j], f.rows[i]
				})
			},
			"save":  func(*rapid.T) { f.save++ },
			"split": func(*rapid.T) { f.importAll(s); f.split(s) },
			"":      func(*rapid.T) { f.importAll(s) },
		})
	})
}

// fewer lowers rapid's number of checks, unless -rapid.checks was given: one check of this
// test is about 30 imports into real stores.
func fewer(t *testing.T, checks int) {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if set {
		return
	}
	before := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", fmt.Sprint(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", before) })
}

// edited is a file under edits.
type edited struct {
	rt      *rapid.T
	tenant  string
	rows    []string
	save    int            // how it is saved
	counted map[string]int // how often each row was in the file at most
}

// insert puts rows anywhere: new ones, ones that look like others, and ones to be mended.
func (f *edited) insert() {
	at := rapid.IntRange(0, len(f.rows)).Draw(f.rt, "at")
	row := rapid.SampledFrom([]string{"a,1", "a,2", "b,4", "b,x", "c,\"1,500\"", "c,8"})
	f.rows = slices.Insert(f.rows, at, rapid.SliceOfN(row, 1, 5).Draw(f.rt, "rows")...)
}

// mend makes a good row of a refused one, possibly one that looks like others.
func (f *edited) mend() {
	for i, row := range f.rows {
		if tokensOf(row) == 0 {
			f.rows[i] = row[:2] + rapid.SampledFrom([]string{"1", "4", "16"}).Draw(f.rt, "tokens")
			return
		}
	}
}

func tokensOf(row string) (n int64) {
	fmt.Sscanf(row[2:], "%d", &n)
	return n
}

func (f *edited) importAll(s *server) {
	f.importRows(s, f.rows)
	now := map[string]int{}
	for _, row := range f.rows {
		now[row]++
	}
	var want int64
	for row, n := range now {
		f.counted[row] = max(f.counted[row], n)
	}
	for row, n := range f.counted {
		want += tokensOf(row) * int64(n)
	}
	if got := s.total(f.tenant); got != want {
		f.rt.Fatalf("%d tokens, want %d, after importing %q", got, want, f.rows)
	}
}

// split imports the file in two parts.
func (f *edited) split(s *server) {
	at := rapid.IntRange(0, len(f.rows)).Draw(f.rt, "split at")
	before := s.total(f.tenant)
	f.importRows(s, f.rows[:at])
	f.importRows(s, f.rows[at:])
	if got := s.total(f.tenant); got != before {
		f.rt.Fatalf("%d tokens after importing the parts, want %d", got, before)
	}
}

func (f *edited) importRows(s *server, rows []string) {
	text := "model,tokens\n" + strings.Join(rows, "\n") + "\n"
	switch f.save % 4 {
	case 1:
		text = "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n")
	case 2: // other separators: "1,500" needs quotes no more
		text = strings.NewReplacer(`"1,500"`, "1,500", ",", ";").Replace(text)
		text = strings.ReplaceAll(text, "1;500", "1,500")
	case 3: // columns in another order
		lines := strings.Split(strings.TrimSpace(text), "\n")
		for i, line := range lines {
			name, tokens, _ := strings.Cut(line, ",")
			lines[i] = tokens + "," + name
		}
		text = strings.Join(lines, "\n")
	}
	s.run(s.file(f.tenant, "f.csv", text))
}
