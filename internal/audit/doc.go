// Package audit proves, minute by minute, that both paths of an event from Valkey to Postgres have
// counted the same: raw events in events, and counters in rollups and usage_daily. It reports each
// difference as drift, and can repair it. It runs alongside a working pipeline, blocks none of its
// work, and never mistakes work in progress for drift.
//
// # What is compared
//
// The audit compares row by row. A row is a tenant's feature in a minute: the amounts of its
// events, and its row of rollups. Amounts that Postgres has refused lie in dead_events and are
// added to their side. A row is excluded while an event of it is on its way: one of the event's two
// halves, record and counter, is in the snapshot and the other may not be.
//
//	(i)   the rows of all raw events that Valkey holds
//	(ii)  one Postgres snapshot, of which everything below is read
//	(iii) the rows of all counters that Valkey holds: open minutes, late events, and
//	      sum batches, waiting or settled
//
// The rows found in (i) or (iii) are excluded. Take an event of which the snapshot has one half:
//
//   - The counter is missing. The event was acknowledged before (ii), since its record is
//     there, and its counter was not committed before (ii). So Valkey still holds the counter in
//     (iii): a settled batch stays for usage.Grace after its commit.
//   - The record is missing, and the event was acknowledged before (i). Its record was not in
//     Postgres at (ii), so Valkey held it throughout (i).
//   - The record is missing, and the event was acknowledged after (i) began. Its counter is
//     in the snapshot, so its batch was committed between (i) and (ii), and Valkey still
//     holds it in (iii), again because of usage.Grace.
//
// In each case its row is excluded. Everything else in the snapshot is there with both halves. No
// difference is checked a second time "in case it goes away". If (i) to (iii) take usage.Grace or
// longer, the argument fails and so does the audit, with ErrTooSlow.
//
// Rows on their way are audited after their events have arrived, a minute or two later.
//
// # Days
//
// A sum batch goes to rollups and usage_daily in one transaction. Any snapshot has both or neither,
// so nothing has to be excluded. The audit compares each local day that the range touches, as a
// whole, with its minutes. It first corrects minutes that have drifted, so that a wrong minute is
// not reported a second time as a wrong day. If a day differs, its minutes outside the range are
// therefore audited too, but neither reported nor repaired.
//
// A tenant's time zone may have been changed. Events before the change were counted on the days of
// the old zone, and no table remembers that zone. One invariant always holds: all days of a
// tenant's feature add up to all its minutes. So a day that differs is drift only if the feature's
// total differs as well. If it does not, the feature is reported as recut: its zone was changed, or
// a person has moved usage from one day to another by hand.
//
// # Repair
//
// Events are right, and a repair corrects the sums. Everything that changes rollups and usage_daily
// adds to them. So does a repair: it adds the negative of the drift, in one transaction. Since the
// compared rows had no event on its way, the drift is exact, and remains exact however much is
// added meanwhile.
//
//   - Two repairs would both add the same: a second one is refused while the first runs.
//   - Live usage keeps a tenant's sums until a new row of the ledger names the tenant. The
//     repair enters such a row, and locks the ledger before it writes anything else:
//     otherwise a reader that knows a later row would never look for this one. A
//     flusher waits until the repair ends; its transactions lock in the same order.
//   - A crash before the commit changes nothing; after it, the next audit is clean.
//
// A day is corrected if the days of the range account for the whole difference of the feature's
// total. Otherwise the range does not show which day is wrong, and the feature is reported as
// unresolved. A range over the feature's whole history resolves it, by the calendar of the tenant's
// current zone. Where days and minutes agree in total, days change with their minutes.
//
// All tables store a tenant's key, whatever the tenant's current name, and so does a report. If an
// operator has forced a tenant's row out of Postgres, its drift cannot be repaired: the whole
// repair fails, because rollups require a tenant that exists.
//
// # What is no longer kept
//
// Partitions of events and rollups are dropped (EVENTS_RETENTION, ROLLUPS_RETENTION), and table
// retention says since when rows are kept. The audit does not compare older minutes, nor days of
// which a minute is gone: they are no drift, and a repair leaves them alone. The sums of dropped
// months of rollups stay in rollups_dropped, so that totals still compare. An audit holds the
// partitions (store.HoldPartitions), because a snapshot does not bring back a table that was
// dropped after the snapshot was made.
//
// If events were deleted by hand, no table says so. A repair refuses to take anything from a (UTC)
// day of which no event is left.
package audit
