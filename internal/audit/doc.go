// Package audit proves, minute by minute, that the two ways of an event from Valkey to
// Postgres have counted the same: raw events in events, counters in rollups and
// usage_daily. It reports each difference as drift, and can repair it. It runs beside a
// working pipeline, holds nobody up and never takes work in progress for drift.
//
// # What is compared
//
// Row by row, a row being a tenant's feature in a minute: the amounts of its events
// and its row of rollups. What Postgres has refused lies in dead_events and is
// added to its side. A row is left out while an event of it is on its way, which means that
// one of its two halves, raw line and counter, is in the snapshot and the other may not be.
//
//	(i)   the rows of all raw events that Valkey holds
//	(ii)  one Postgres snapshot, of which everything below is read
//	(iii) the rows of all counters that Valkey holds: open minutes, late events, and
//	      sum batches, waiting or settled
//
// Left out are the rows met in (i) or (iii). Take an event of which the snapshot has one
// half:
//
//   - The counter is missing. The event was acknowledged before (ii), since its line is
//     there, and its counter was not committed before (ii). So Valkey still holds it in
//     (iii): a settled batch stays for usage.Grace after its commit.
//   - The line is missing, and the event was acknowledged before (i). Its line was not in
//     Postgres at (ii), so Valkey held it all through (i).
//   - The line is missing, and the event was acknowledged after (i) began. Its counter is
//     in the snapshot, so its batch was committed between (i) and (ii), and Valkey still
//     holds it in (iii), again because of usage.Grace.
//
// In each case its row is left out. All else that the snapshot has, it has with both
// halves. No difference is looked at twice "in case it goes away". If (i) to (iii) take
// usage.Grace or longer, the argument fails and so does the audit, with ErrTooSlow.
//
// Rows on their way are audited when they have arrived, a minute or two later.
//
// # Days
//
// A sum batch goes to rollups and usage_daily in one transaction, so that any snapshot has
// both or neither and nothing has to be left out. Each local day that the range touches is
// compared as a whole with its minutes, with these put right first where they have drifted:
// a wrong minute is not reported a second time as a wrong day. For that, if a day differs,
// its minutes outside of the range are audited too, but neither reported nor repaired.
//
// A tenant's time zone may have been changed. Events before that were counted on the days
// of the old one, and which, no table remembers. What holds always is that all days of a
// tenant's feature add up to all its minutes. So a day that differs is drift only if the
// feature's total differs as well. If it does not, the feature is reported as recut: its
// zone was changed, or somebody has moved usage from one day to another by hand.
//
// # Repair
//
// Events are right and the sums are put right. Everything that changes rollups and
// usage_daily adds to them. So does a repair: it adds the negative of the drift, in one
// transaction. Since the rows compared had no event on the way, the drift is exact, and
// remains so however much is added meanwhile.
//
//   - Two repairs would both add the same: a second one is refused while the first runs.
//   - Live usage keeps its sums until a new row of the ledger names their tenant. The
//     repair enters such a row, and locks the ledger before it writes anything else: a
//     reader that knows a later row would otherwise never look for this one. A
//     flusher waits for that moment; its transactions lock in the same order.
//   - A crash before the commit changes nothing; after it, the next audit is clean.
//
// A day is corrected if the days of the range make up for the whole difference of the
// feature's total. Otherwise the range does not tell which day is wrong; the feature is
// reported as unresolved, and a range over its whole history resolves it, by the calendar of
// the tenant's zone of today. Where days and minutes agree in total, days move with their
// minutes.
//
// All tables have the key of a tenant, whatever it is called by now, and so has a report. A tenant
// whose row was forced out of Postgres is drift that no repair can mend: the whole repair fails,
// because rollups want a tenant that exists.
//
// # What is no longer kept
//
// Partitions of events and rollups are dropped (EVENTS_RETENTION, ROLLUPS_RETENTION), and table
// retention says since when rows are kept. Older minutes are not compared, nor days of which a
// minute is gone: they are no drift, and a repair leaves them alone. What dropped months of
// rollups added up to stays in rollups_dropped, so that totals compare as before. An audit
// holds the partitions (store.HoldPartitions): a snapshot does not bring back a table that
// was dropped after it was made.
//
// Where somebody has deleted events by hand, no table says so: a repair refuses to take
// anything from a (UTC) day of which no event is left.
package audit
