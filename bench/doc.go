// Command bench measures FlagMeter beside what people would build instead, on stores of
// its own, and writes one table. Run it with `make bench`; it needs no root and no network
// and takes about eight minutes.
//
// Absolute times differ from machine to machine, and on a shared one from minute to
// minute. So every figure is a ratio to something measured in the same run: contenders take
// turns of two seconds, in every second round in reverse, and a ratio is the median of those
// of each round. Every turn begins with new processes, empty stores and an append-only file
// that was just rewritten.
//
// # Workload
//
// Unless a row says otherwise, every event has an id that comes once in a run, is of one of
// 200 tenants and 5 features, drawn for each event, and has a time in the last 5 minutes.
// A batch so has about 900 counters of a tenant, feature and minute. Rows without ids and of
// one tenant stand there to compare with. There are two ways to make a request idempotent,
// and a row for each: an id an event, and one Idempotency-Key a request.
//
// Rivals get the same requests. Those that store events store an id once: by a primary key
// (queue, insert) or in ingest.lua (single).
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
// The bare COPY sends text made beforehand, with the driver that FlagMeter has, into the
// same table with its partitions and indexes. FlagMeter's figure for Postgres counts from the
// first request to the last row, so the client, ingest and Valkey have a part of the
// processors for the first three seconds.
//
// # Client
//
// Each contender is a process, and each is driven by the same client (client.go): as many
// connections as the table says, each with one request under way. Whatever the client costs
// is taken from the server: with a costlier one every ratio to the ceiling would look better.
// So requests are composed beforehand, and only the digits of ids are written for each
// (ids.go); of the answer it reads the status, the length, and that no event was taken for a
// repetition. The last column has the share of a core that the client took, from getrusage,
// beside that of the process that answers, without the stores. It is bold where the client
// took more than half a core or more than that process.
//
// # The parts
//
//	singles.go    one event a request: against all contenders, appendfsync always and everysec
//	rate.go       1,000 requests a second: latency, CPU of each process, memory
//	observed.go   what counting, timing, numbering and logging requests costs
//	batches.go    1,000 events a request, acknowledged: the ways to be idempotent
//	copy.go       1,000 events a request, in Postgres: against a bare COPY
//	neighbour.go  one tenant's events while others send the largest requests without a pause
//	reads.go      GET /usage/:tenant, alone and beside writes
//	growth.go     10 and 10,000 tenants; a year of rollups
//	memory.go     bytes of an event that is not flushed
//	coldstart.go  from the start of the process to the first ready answer
//
// `go run ./bench -only '^batches$'` measures one of them (their names are in main.go),
// -flagmeter FILE another program, also one of an earlier version. Two more run alone, on the
// same rig, and tell what each process takes:
//
//	k6.go         a script of k6/ (make load)
//	sizing.go     rates and numbers of tenants, into the tables of docs/SIZING.md (make sizing)
//
// The verdict is about the aim beside it; an aim that is missed is printed as such, and the
// program still succeeds: a noisy neighbour is no failure.
package main
