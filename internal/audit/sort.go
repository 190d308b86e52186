package audit

import (
	"cmp"
	"slices"
)

func compareSeries(a, b Series) int {
	return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Feature, b.Feature))
}

// sortMinutes sorts as every flusher does, so that row locks are taken in the same order.
func sortMinutes(rows []MinuteDrift) {
	slices.SortFunc(rows, func(a, b MinuteDrift) int {
		return cmp.Or(compareSeries(a.Series, b.Series), a.Minute.Compare(b.Minute))
	})
}

func sortDays(r *Report) {
	slices.SortFunc(r.Recut, compareSeries)
	slices.SortFunc(r.Totals, func(a, b TotalDrift) int {
		return compareSeries(a.Series, b.Series)
	})
	slices.SortFunc(r.Days, func(a, b DayDrift) int {
		return cmp.Or(compareSeries(a.Series, b.Series), cmp.Compare(a.Day, b.Day))
	})
}
