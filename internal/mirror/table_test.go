package mirror

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/store"
)

var errDown = errors.New("it is down")

// source is a table and its copy, as a test sets them.
type source struct {
	Table[[]string]
	version       int64
	rows, copied  []string
	odd           []store.OddRow
	down          error
	loads         int
	used          []string
	cannotBeUsed  error
	changesOnLoad bool
}

func newSource(log *slog.Logger) *source {
	s := &source{}
	s.Log = log
	s.Version = func(context.Context) (int64, error) { return s.version, s.down }
	s.Load = func(context.Context) ([]string, []store.OddRow, error) {
		s.loads++
		if s.changesOnLoad {
			s.version++
		}
		return s.rows, s.odd, s.down
	}
	s.LoadCopy = func(context.Context) ([]string, []store.OddRow, error) {
		if s.copied == nil {
			return nil, nil, errors.New("there is no copy")
		}
		return s.copied, nil, nil
	}
	s.Use = func(rows []string) error {
		if s.cannotBeUsed == nil {
			s.used = rows
		}
		return s.cannotBeUsed
	}
	return s
}

// want refreshes, and expects so many loads since the beginning and these rows in use.
func (s *source) want(t *testing.T, when string, loads int, used ...string) {
	t.Helper()
	if err := s.Refresh(t.Context()); err != nil {
		t.Errorf("%s: %v", when, err)
	}
	if s.loads != loads || !slices.Equal(s.used, used) {
		t.Errorf("%s: %d loads, %q in use; want %d, %q", when, s.loads, s.used, loads, used)
	}
}

func TestATableIsLoadedWhenItsVersionChanges(t *testing.T) {
	s := newSource(slog.New(slog.DiscardHandler))
	s.rows = []string{"a"} // at version 0, which is not yet loaded
	s.want(t, "at first", 1, "a")
	s.rows = []string{"a", "b"}
	s.want(t, "the same version", 1, "a")
	s.version++
	s.want(t, "another version", 2, "a", "b")
	s.version--
	s.want(t, "a smaller one, of a restored database", 3, "a", "b")
}

func TestAChangeDuringTheLoadIsLoadedOnceMore(t *testing.T) {
	s := newSource(slog.New(slog.DiscardHandler))
	s.changesOnLoad = true
	s.want(t, "it changes while it is read", 1)
	s.changesOnLoad, s.rows = false, []string{"a"}
	s.want(t, "afterwards", 2, "a")
	s.want(t, "without a change", 2, "a")
}

func TestRowsThatCannotBeUsedAreLoadedAgain(t *testing.T) {
	s := newSource(slog.New(slog.DiscardHandler))
	s.cannotBeUsed = errDown
	if err := s.Refresh(t.Context()); !errors.Is(err, errDown) || s.FromPostgres() {
		t.Errorf("got %v, from Postgres: %v", err, s.FromPostgres())
	}
	s.cannotBeUsed, s.rows = nil, []string{"a"}
	s.want(t, "later", 2, "a")
}

func TestATableStartsFromItsCopy(t *testing.T) {
	s := newSource(slog.New(slog.DiscardHandler))
	s.down = errDown
	if err := s.Refresh(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	if err := s.Start(t.Context()); !errors.Is(err, errDown) {
		t.Errorf("without a copy: %v", err)
	}
	s.copied = []string{"old"}
	if err := s.Start(t.Context()); err != nil || !slices.Equal(s.used, s.copied) ||
		s.FromPostgres() {
		t.Errorf("%v; %q in use, from Postgres: %v", err, s.used, s.FromPostgres())
	}
	s.down, s.rows = nil, []string{"new"} // still at version 0
	s.want(t, "Postgres is back", 1, "new")
	if !s.FromPostgres() {
		t.Error("the rows are not from Postgres")
	}
}

func TestOddRowsAreLoggedAndCounted(t *testing.T) {
	var out bytes.Buffer
	s := newSource(slog.New(slog.NewTextHandler(&out, nil)))
	s.odd = []store.OddRow{{Table: "things", Row: "7", Reason: "it is odd", Instead: "nothing"}}
	s.want(t, "an odd row", 1)
	if s.Unreadable() != 1 || !bytes.Contains(out.Bytes(), []byte("it is odd")) {
		t.Errorf("%d are unreadable, logged %s", s.Unreadable(), out.String())
	}
	s.odd = nil
	s.version++
	s.want(t, "corrected", 2)
	if s.Unreadable() != 0 {
		t.Errorf("%d are unreadable after they were corrected", s.Unreadable())
	}
}

// The copy is renewed at each refresh that succeeds. Without it the table works, and says so once.
func TestTheCopyIsRenewed(t *testing.T) {
	var out bytes.Buffer
	s := newSource(slog.New(slog.NewTextHandler(&out, nil)))
	renewed, cannot := 0, errDown
	s.What = "things"
	s.Renew = func(context.Context) error { renewed++; return cannot }
	s.rows = []string{"a"}
	s.want(t, "without the copy", 1, "a")
	s.want(t, "still without it", 1, "a")
	cannot = nil
	s.want(t, "with it", 1, "a")
	logged := out.String()
	if renewed != 3 || strings.Count(logged, "the copy of the things in valkey cannot be renewed") != 1 ||
		strings.Count(logged, "the copy of the things in valkey is renewed again") != 1 {
		t.Errorf("renewed %d times, logged %s", renewed, logged)
	}
	s.down = errDown
	if err := s.Refresh(t.Context()); !errors.Is(err, errDown) || renewed != 3 {
		t.Errorf("%v; renewed %d times from rows that may be old", err, renewed)
	}
}
