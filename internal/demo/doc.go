// Package demo makes a believable stream of events for `flagmeter dev --demo`: seven
// tenants in six time zones, from an idle one to one far over its quota.
//
// Run first gives every tenant a history in its current billing period, then posts live
// events, about four a second over a day, until its context ends. A tenant's history is
// one batch, so it is counted as a whole or not at all, and it is only posted to a tenant
// that has used less than that: starting again, after whatever end, adds no second one.
//
// The stream is a function of the seed, of the clock and of the server's answers.
// acme-corp, which visitors look at first, starts below 80 % of its quota of 1,000,000
// and crosses it after two to three minutes; from there it creeps and stops short of 100 %.
//
// A server that is away for a moment is waited for, with one line in the log when it goes
// and one when it is back.
package demo
