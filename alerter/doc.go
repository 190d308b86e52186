// Package alerter tells people that a tenant has reached a threshold of its quota:
// once per tenant, billing period and threshold, however many alerters run.
//
// Every 5 seconds it compares the live usage of all tenants with their thresholds.
// A crossing becomes a row in alerts and, in the same transaction, one row in
// alert_deliveries (the outbox) for each webhook that shall hear of it. The outbox
// is emptied beside that, so that a webhook that hangs delays neither the next
// comparison nor the other webhooks.
//
// # States
//
// An alert is open from the moment it fires. It is cleared when usage falls below
// its threshold (the quota was raised, figures were corrected), which arms the
// threshold again, or when its billing period is over. A unique index allows one
// open alert per tenant, period and threshold.
//
// A delivery is pending until it is delivered (the webhook answered 2) or dead (the
// webhook refused it, was disabled or deleted, or did not take it for 24 hours).
// A pending delivery waits for next_attempt_at. Whoever sends it first moves that
// 30 seconds ahead, which is a lease: nobody else sends it meanwhile, and no
// transaction is open while the webhook answers. If the clock is set back then, the next
// attempt is later by that, up to a day.
//
// # Steps, and what a crash right after each of them costs
//
//  1. Read the open alerts. Nothing.
//  2. Read usage, after the alerts, so that no alert is judged by a figure older
//     than the one that fired it. Nothing.
//  3. Decide (see [Decide]; no I/O). Nothing: the next run decides the same.
//  4. Commit a tenant's alerts and deliveries. Nothing: both are there or neither.
//     Tenants not yet committed are decided again.
//  5. Claim a delivery: attempts + 1, lease 30 s. The message is up to 30 s late.
//  6. POST it, within 10 s. The message is sent once more when the lease ends: a
//     webhook cannot be asked what it has received. Both carry the same alert id.
//  7. Record delivered, dead, or the time of the next attempt. Nothing.
//
// # Two alerters
//
// Both may see the same crossing. The unique index lets one insert the alert, and
// only an inserted alert gets deliveries. Two processes may for 2 seconds hold
// different quotas of a tenant that is being edited; a decision that would reverse
// one younger than that is left to a later run.
//
// # Secrets
//
// The URL of a webhook is a password. It is read from Postgres or the settings,
// handed to the HTTP client, and put into no error, log line or metric: failures are
// described by a fixed vocabulary instead of by the errors of net/http, which quote it.
package alerter
