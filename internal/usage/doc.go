// Package usage answers how much a tenant has used, at any moment and to the token: the settled
// usage in Postgres plus the rest in Valkey, with nothing counted twice and nothing missing, while
// batches move from one to the other.
//
// # The reading order
//
//	(i)   the ids of the sum batches that Valkey holds now
//	(ii)  one Postgres snapshot: the periods' sums of usage_daily, and which batches
//	      are in the ledger: of (i), and all that entered since the snapshot before
//	(iii) one script call: open minutes + late events + every batch that is not
//	      known as settled from (ii)
//
// (i) and (ii) make a view, which all readers of a process share and which Refresh
// renews every second. (iii) belongs to each reader.
//
// # Why it is exact
//
// A batch is counted once if (iii) leaves out exactly those batches whose rows are
// in the view's sums.
//
//   - Left out although not in the sums: impossible, both come from one snapshot.
//   - In the sums but not left out: its ledger row is in the snapshot, and Valkey still
//     holds it at (iii). Had it been sealed before (i), its id was asked for. Had it been
//     sealed after (i), its ledger row was numbered after every row of the view
//     before, and the snapshot asked for those as well.
//   - In neither: Valkey no longer holds it at (iii), and it is not in the snapshot. A
//     batch is dropped at the earliest Grace after its commit was known, so the snapshot is
//     older than Grace: the answer says stale.
//
// # When a figure decides
//
// Valkey itself decides whether a quota is used up, in the call that counts the events
// (limits.lua). Nothing can check the view's age after that, so the call checks the condition
// behind the age. The sum batches of a shard are numbered in the order in which they are sealed,
// and drop.lua remembers the largest number dropped. Step (i) is one instant of the shard. From it
// a view knows the smallest number that it may lack: the number of the first batch held then that
// is not settled in (ii), or else the number after all that were given until then. All lower
// numbers are in its sums: a batch that was no longer held at (i) had been dropped, so its commit
// was before (ii). As long as no batch from that number on has been dropped, every batch is in the
// view's sums or in Valkey, and the figure is exact however old the view is: an hour without
// Postgres settles nothing, so nothing is dropped. If one has been dropped, the call refuses, and
// the process renews its view.
//
// # Keeping sums from view to view
//
// A new view reads again only the tenants named by ledger rows it had not seen. A
// row can become visible out of order; it is then found through (i), because its batch
// stays in Valkey for Grace after the commit. A view older than Grace is therefore never
// continued but read anew.
//
// # Series and overviews
//
// A series takes its own snapshot: (i), and in (ii) the ledger together with the rows of rollups or
// usage_daily in question. It asks for the ids of (i) and for every entry in the ledger since the
// shared view. The argument is therefore that of a view, with "the points' rows" in place of "the
// sums", and (iii) lists the counters of every batch that is not settled, by day or minute. So each
// batch is in a point once, wherever the batch is. The counters of late events and large requests
// have no index by minute. If a tenant has more such counters than one call may read, a series
// leaves them out, and so do the features of GET /usage/:tenant; both say stale. The sum of a
// tenant never depends on their number.
//
// An overview is the shared view and, for (iii), the process's own copy of the counters in Valkey,
// brought up to date. Totals and minutes are made of the same parts, so both leave out the same
// batches. Late events are in its minutes once they are settled. The view keeps each tenant's last
// hour and reads again what new ledger rows name: their tenants, between the first and last minute
// of their batch.
//
// # Keeping counters from overview to overview
//
// Adding up the counters of 10,000 tenants takes 50 ms of Valkey's time. A process therefore keeps
// each tenant's part of every hash (unsettled.go). An overview begins with a look: one call that
// names the tenants with events since the last look, and lists the sum batches of that moment. Then
//
//   - a tenant that is named is read again, in open hashes and in batches that the last look did
//     not list. Its part of the other batches is known: they were sealed before that look, which
//     named the tenant if they held anything new of it;
//   - a tenant that is not named has had no event. Its part of an open minute is now in the first
//     batch of that minute that is new in the list, because RENAME moved it there; other tenants
//     filled a second one. So nothing is read, and the batch's id decides as always whether the part
//     is settled;
//   - the next look finds what happens after this one: an event names its tenant, and a batch that
//     was read but not listed yet counts as new when it is listed.
//
// The batch of one large request never was an open hash. It is listed with a special minute
// (scripts.OneRequest), so no open part is taken for it, and the call that sealed it names its
// tenants.
//
// The names and the list are of one moment. If the list were older than the names, an event in a
// minute that was sealed and opened again in between would be taken for a part of the batch. If it
// were newer, a batch would be taken for known although it holds an event that was not named. A
// batch is listed for Grace after its commit, so anything older than Grace when the look has
// answered is read again. So is everything after a recovery, and when Valkey does not know the
// look. TestOverviewWhileUsageMoves makes all of this happen between the calls.
//
// # Who may have changed
//
// [Changes] names the tenants that may have changed. Usage grows by acknowledged events, and
// ingest.lua marks their tenants in the call that acknowledges them (scripts.ChangesSince). Every
// other change of an answer passes through a view: a tenant is read again, or its row in the
// directory has changed. Both are announced when the view is published, so a follower that reads
// then sees the change.
//
// # When Valkey has lost writes
//
// A view notes the position that each shard had reached: the larger of the ledger's and Valkey's
// own, which is read after the ids of (i). (iii) is refused if Valkey is behind that position, or
// has been recovered since, which increments the position's epoch: then sums and batches do not
// belong together. The answer is what Postgres had, and says stale. A view from before a recovery
// is never continued.
//
// No step compares the clocks of two machines: ages are measured with the process's
// own monotonic clock.
package usage
