package ingest

import (
	"reflect"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// state is all that the stores hold: of Valkey the content, of Postgres the number of rows.
type state struct {
	valkey map[string]string
	rows   map[string]int64
}

func (a *api) state() state {
	a.Helper()
	s := state{stacktest.Dump(a.TB, a.env.Valkey), map[string]int64{}}
	var tables []string
	if err := a.env.DB.SelectContext(a.Context(), &tables,
		"SELECT tablename FROM pg_tables WHERE schemaname = 'public'"); err != nil {
		a.Fatal(err)
	}
	for _, table := range tables {
		var n int64
		if err := a.env.DB.GetContext(a.Context(), &n, "SELECT count(*) FROM "+table); err != nil {
			a.Fatal(err)
		}
		s.rows[table] = n
	}
	return s
}

// unchanged fails the test unless the stores hold what they held before.
func (a *api) unchanged(before state) {
	a.Helper()
	now := a.state()
	stacktest.SameDump(a.TB, now.valkey, before.valkey)
	if !reflect.DeepEqual(now.rows, before.rows) {
		a.Errorf("rows in Postgres: %v, before %v", now.rows, before.rows)
	}
}

// calls is how often the committers have called Valkey.
func (a *api) calls() uint64 {
	a.Helper()
	return uint64(a.metrics()["ingest_call_seconds/count"])
}
