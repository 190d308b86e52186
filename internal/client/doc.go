// Package client is a small Go client of FlagMeter's HTTP API.
//
// It promises that a request is tried again only where that cannot count an event
// twice. A lost reply leaves the client not knowing whether its events were counted;
// the server recognises an event it has seen by the event's id, so Post tries again
// only if every event of the call carries one. A call with at least one event
// without an id is sent exactly once, whatever happens. PostUnder gives a batch a key, by
// which the server recognises all of it.
//
// What is tried again: network errors (a reply cut off in the middle is one), 429 (but for a
// quota that is used up) and every 5xx. What is not: every other status, for the same request would get the same
// answer. The pause before attempt n+1 is drawn evenly from 0 to min(5 s, 100 ms · 2ⁿ)
// ("full jitter", so that clients that failed together do not come back together) and
// is added to the server's Retry-After. The context bounds the whole call.
package client
