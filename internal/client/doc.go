// Package client is a small Go client of FlagMeter's HTTP API.
//
// It retries a request only where that cannot count an event twice. After a lost reply the client
// does not know whether its events were counted. The server recognises an event by the event's id,
// so Post retries only if every event of the call has one. A call with at least one event without
// an id is sent exactly once, whatever happens. PostUnder gives a batch a key, by which the server
// recognises all of it.
//
// The client retries network errors (a truncated reply is one), 429 (except for a quota that is
// used up) and every 5xx. It does not retry any other status, because the same request would get
// the same answer. The pause before attempt n+1 is drawn evenly from 0 to min(5 s, 100 ms · 2ⁿ)
// ("full jitter", so that clients that failed together do not come back together) and is added to
// the server's Retry-After. The context bounds the whole call.
package client
