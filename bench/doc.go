// Command bench measures FlagMeter beside what people would build instead, on stores of
// its own, and writes one table. Run it with `make bench`; it needs no root and no network
// and takes less than five minutes.
//
// Absolute times differ from machine to machine, and on a shared one from minute to
// minute. So every figure is a ratio to something measured in the same run: contenders take
// turns of two seconds, and a ratio is the median of the ratios of neighbouring turns.
//
// # Contenders
//
//	ceiling  an empty net/http + httprouter handler that reads the body
//	group    the same, answering when one RPUSH for all requests that wait together is on disk
//	queue    LPUSH a request; a worker does BRPOP and writes event and rollup to Postgres
//	insert   INSERT and upsert straight into Postgres, a transaction a request
//	single   a call of ingest.lua for each event, without grouping
//	flagmeter  the real roles, each a process of its own, as `flagmeter ingest` and so on
//
// group counts nothing, checks nothing and flushes nothing: it is the most that a durable
// answer through net/http can reach, and so how much of the way from FlagMeter to the ceiling
// is FlagMeter's own.
//
// What is in the way of an answer as fast as an empty one is seen in the rows of group, and in
// a profile of ingest under load (ADMIN_ADDR, /debug/pprof/profile): most of it is net/http,
// for which a handler that waits costs more than one that answers at once, because the
// connection is watched meanwhile.
//
// Each is a process, and each is driven by the same client (client.go): as many
// connections as the table says, each with one request under way. The client is as lean as
// Go's net package allows, because whatever it costs is taken from the server: with a
// costlier one every ratio to the ceiling would look better.
//
// # The parts
//
//	singles.go    one event a request: against all contenders, appendfsync always and everysec
//	rate.go       1,000 requests a second: latency, CPU, memory
//	observed.go   what counting, timing, numbering and logging requests costs
//	batches.go    1,000 events a request: acknowledged and in Postgres, against a bare COPY
//	reads.go      GET /usage/:tenant, alone and beside writes
//	growth.go     10 and 10,000 tenants; a year of rollups
//	coldstart.go  from the start of the process to the first ready answer; bytes of an event
//
// Two more run alone, on the same rig, and tell what each process takes:
//
//	k6.go         a script of k6/ (make load)
//	sizing.go     rates and numbers of tenants, into the tables of docs/SIZING.md (make sizing)
//
// The verdict in the last column is about the aim beside it; an aim that is missed is
// printed as such, and the program still succeeds: a noisy neighbour is no failure.
package main
