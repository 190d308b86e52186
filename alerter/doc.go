// Package alerter compares usage with quotas. It announces once per tenant, billing period and
// threshold that the tenant has reached the threshold, however many alerters run.
//
// Every second it evaluates the tenants that have changed. A crossing becomes a row in alerts and,
// in the same transaction, one row in deliveries for each webhook that must receive it. Package
// outbox delivers these concurrently, so a webhook that hangs delays neither the next evaluation
// nor the other webhooks. Package notify writes and posts the messages.
//
// # States
//
// An alert is open from the moment it fires. It is cleared when usage falls below its threshold
// (the quota was raised, figures were corrected), which arms the threshold again, or when its
// billing period is over. A unique index allows one open alert per tenant, period and threshold.
// The comment of package outbox describes the states of a delivery.
//
// # Steps, and what a crash right after each of them costs
//
//  1. Ask which tenants have changed, and put them on the agenda. Nothing: a new process evaluates
//     all tenants first.
//  2. Read their open alerts. Nothing.
//  3. Read their usage, after the alerts, so that no alert is judged by a figure older than the one
//     that fired it. Nothing.
//  4. Decide (see [Decide]; no I/O). Nothing: the next run decides the same.
//  5. Commit a tenant's alerts and deliveries. Nothing: both are there or neither is. Tenants not
//     yet committed are decided again.
//  6. Claim a delivery: attempts + 1, lease 30 s, a row in delivery_attempts. The message is up to
//     30 s late.
//  7. POST it, within 10 s. The message is sent once more when the lease ends, because no one can
//     ask a webhook what it has received. Both carry the same webhook-id and alert.
//  8. Record delivered, dead, or the time of the next attempt. Nothing.
//
// Steps 1 to 5 are here (check.go, alerts.go), 6 to 8 in package outbox (claim.go, attempt.go,
// record.go).
//
// # Why evaluating only the tenants that have changed misses no crossing
//
// Decide's result for a tenant depends on its usage, its settings, its period and its open alerts.
// If an evaluation finds nothing to do, that stays right until one of them changes, and each change
// puts the tenant on the agenda:
//
//   - An event is acknowledged: the same call of ingest.lua marks the tenant, so a mark exists for
//     every acknowledged event. Marks are never removed; each alerter remembers how far it has read
//     them (scripts.ChangeCursor).
//   - A quota, thresholds, a billing day or a zone are edited, or a tenant is added or archived:
//     the directory loads the table again within a second and names the rows that differ.
//   - A period begins: the view of usage no longer covers the period, so it reads the tenant again,
//     within a second.
//   - `flagmeter audit --repair` corrects a figure, or a batch is settled: the ledger names the
//     tenants.
//   - A recovery from lost writes, an outage of Postgres longer than a view lasts, or a clock that
//     was set back: the view does not continue the previous one, and names all tenants.
//   - A restart: all tenants.
//   - Another alerter fires or clears: it used the same figures, and what it left undone is on its
//     agenda.
//
// A tenant leaves the agenda only when an evaluation has found nothing to do on a figure that is
// not stale. A stale view, an error, and a decision that is too recent to be reversed therefore
// lead to another evaluation a second later. Usage is read after the change was announced, and a
// change is announced only when it can be read, so no change falls between two evaluations.
//
// Once a minute all tenants are put on the agenda, for changes that no announcement covers: an
// ingest of a version that sets no marks yet, or an alert edited by hand. A tick of 10,000 tenants
// takes 0.3 ms if none has changed, 1.7 ms if 100 have and 67 ms if all have, on 2 cores that
// Valkey and Postgres share:
//
//	go test ./alerter -run '^$' -bench Tick -benchtime 20x
//
// # Two alerters
//
// Both may see the same crossing. The unique index lets one insert the alert, and only an inserted
// alert gets deliveries. While a tenant is being edited, two processes may hold different quotas
// for 2 seconds; a decision that would reverse one younger than that is left to a later run. Claims
// skip rows that another process has locked, and slack_pace reserves the second of a Slack URL.
package alerter
