// Package ingest is the HTTP API: it accepts events and answers what has been used.
//
// # Rooms
//
//	ingest    server, one table of routes (routes.go), health, metrics
//	account   who calls: guard, CORS, API keys, sessions
//	intake    bytes to events, in the format of a Decoder; native is the first
//	commit    events to Valkey; it knows nothing of HTTP
//	query     questions: lists, series, exports, alerts
//	live      the WebSocket feed
//	problem   every RFC 9457 problem, and the one function that writes them
//	param     the parameters of a request
//	answer    JSON, and what several answers say of a tenant
//	backend   the stores, the clock and the log, which every room gets
//
// A handler answers a request or returns an error; routes.go has problem.Write turn that into the
// answer. The table of routes says what each route asks of callers, and whether it waits until the
// process knows the tenants and the keys.
//
// POST /events goes through account.Guard, intake.Handlers and commit.Committers, whose package
// comment says what an answer 200 promises and what a failure costs. The walk of one event is in
// ARCHITECTURE.md.
//
// Every answer carries the headers of httpd.Guard. Every request goes through the observer of
// package httpd, which numbers, counts, times and logs it. Each room publishes its own metrics;
// top.go has the largest tenants.
//
// openapi.yaml describes every route; a test holds the answers against it.
package ingest
