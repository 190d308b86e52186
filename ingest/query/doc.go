// Package query answers questions about what has been used.
//
//	Handlers             handlers.go  what the answers share
//	Snapshotter          row.go       all tenants at one time (usage.Overview)
//	List, Page           list.go      sort, search, cursor; change.go: from one page to the next
//	Tenants, TenantsCSV  tenants.go   lists of tenants
//	Usage                usage.go     one tenant now
//	Series, SeriesCSV    series.go    one tenant over time (usage.Series)
//	EventsCSV            events_csv.go  raw events, streamed
//	Alerts               alerts.go    what has fired and what was sent
//	table                csv.go       answers as CSV, without formulas (formula.go)
//	room, takeTurn       room.go      memory for answers; how many exports and series at a time
//	writeTagged          etag.go      304 for figures that have not changed
package query
