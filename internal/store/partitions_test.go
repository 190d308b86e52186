package store_test

import (
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestPartitionsTellGapsAndStrays(t *testing.T) {
	env := stacktest.New(t)
	state := func(at string) store.PartitionState {
		t.Helper()
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Partitions(t.Context(), env.AppDB, store.Events, now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := state("2026-03-10T12:00:00Z"); s.Until.Valid || s.Oldest.Valid || s.DefaultRows != 0 {
		t.Errorf("without partitions: %+v", s)
	}
	// the 12th is missing
	for _, days := range [][2]string{{"2026-03-09", "2026-03-11"}, {"2026-03-13", "2026-03-14"}} {
		if _, err := env.AppDB.Exec("SELECT create_partitions('events', $1, $2)",
			days[0]+"T00:00:00Z", days[1]+"T00:00:00Z"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := env.DB.Exec(`INSERT INTO events
		VALUES (gen_random_uuid(), 'acme', 'chat', 1, '2026-03-12T00:00:00Z'),
		(gen_random_uuid(), 'acme', 'chat', 1, '2026-03-11T23:59:59Z')`); err != nil {
		t.Fatal(err)
	}
	s := state("2026-03-10T12:00:00Z")
	if day, ok := s.LastDay(); !ok || day.Format(time.DateOnly) != "2026-03-11" {
		t.Errorf("partitions until %v", s.Until)
	}
	if s.Oldest.Time.UTC().Format(time.DateOnly) != "2026-03-09" || s.DefaultRows != 1 {
		t.Errorf("%+v", s)
	}
	if s := state("2026-03-12T12:00:00Z"); s.Until.Valid {
		t.Errorf("in the gap: %+v", s)
	}
	// What lies in the default partition moves into its own.
	if _, err := env.AppDB.Exec("SELECT create_partitions('events', '2026-03-10T00:00:00Z'," +
		" '2026-03-10T00:00:00Z')"); err != nil {
		t.Fatal(err)
	}
	s = state("2026-03-10T12:00:00Z")
	if day, ok := s.LastDay(); !ok || day.Format(time.DateOnly) != "2026-03-14" || s.DefaultRows != 0 {
		t.Errorf("after the move: %+v", s)
	}
	var n int
	if err := env.DB.Get(&n, "SELECT count(*) FROM events_20260312"); err != nil || n != 1 {
		t.Errorf("%d rows have moved, %v", n, err)
	}
}
