// Package tenants is the directory of tenants that each process keeps in memory.
//
// Postgres is the source. Refresh, called every second, reads one number and loads
// the table only if that number has changed, so an edit by SQL is in force within
// two seconds and 10,000 tenants cost nothing while nothing changes. A copy is
// left in Valkey, again if Valkey has lost it; a process that starts while Postgres is away starts
// from that copy and so can accept events.
package tenants
