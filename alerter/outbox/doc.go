// Package outbox holds the alerts to deliver (table deliveries) and delivers them. The transaction
// of an alert writes its deliveries, so an alert and its deliveries exist together or not at all.
// Any number of processes may work on one outbox.
//
// # States
//
// A delivery is pending until it is delivered or dead. It is delivered when the webhook answers 2xx
// and, for a chat, does not report a failure in the body (notify/slack/answer.go). It is dead when
// the webhook refuses it, is disabled or deleted, or does not accept it for 24 hours. 403, 404 and
// a chat's refusal end it only if they come seven times in a row, over at least a minute, because a
// receiver may be in the middle of a replacement behind its proxy. `flagmeter alerts resend` makes
// a dead delivery pending again.
//
// A pending delivery waits for next_attempt_at. The process that claims the delivery first moves
// that time 30 seconds ahead, as a lease: no other process sends it meanwhile, and no transaction
// is open while the webhook answers. If the clock is set back during the lease, the next attempt is
// later by that amount, up to a day.
//
// The comment of package alerter lists the steps of a delivery, and what a crash after each costs.
//
// # Order and limits
//
// A URL gets one request at a time, a Slack URL one a second, a host at most eight at once. First
// attempts go before retries, and retries use at most half of the requests that may be in flight. A
// host that leaves five requests in a row without an answer gets no retries for 30 seconds, then
// one at a time until it answers. A first attempt is always sent: the dead webhook of one tenant
// does not hold up the alert of another, even at the same host.
//
// # Secrets
//
// URLs and signing secrets are read from Postgres or the settings and passed to package notify.
// They appear in no error, log line, metric or row about a delivery. Of the answer to a failed
// attempt, 200 characters are kept, in which the URL, each part of it and the secrets are replaced.
package outbox
