package stacktest

import "testing"

// Exec runs a statement as the administrator.
func (env *Env) Exec(tb testing.TB, statement string, args ...any) {
	tb.Helper()
	if _, err := env.DB.Exec(statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// Count runs a query that returns one whole number as the administrator.
func (env *Env) Count(tb testing.TB, query string, args ...any) int64 {
	tb.Helper()
	var n int64
	if err := env.DB.Get(&n, query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return n
}
