// Package hostile sends what no honest client sends to the program as it is built, over raw
// connections: requests that proxies and servers read differently, broken encodings, paths
// and parameters made to break out, credentials of every wrong kind.
//
// It has tests only. Each request of the tables (*_table_test.go) has the exact answers that
// are expected, by status and type of problem. All are sent with AUTH=off, with a key, and
// without one, and after that the usage, every key of Valkey and every row of Postgres are
// what they were, the heap is as large as before, and no secret is in the log.
//
// What an event or a parameter may be is tested where it is read, in package ingest; here is
// what only the wire shows. An answer that net/http gives by itself, before any handler of
// ours, is text and no problem+json: 400 for what is no HTTP, 431 for a long header, 505, and
// 501 for an unknown transfer coding. Those have no type in the tables.
//
//	go test ./test/hostile                                     tables, and the corpus of the fuzzer
//	go test ./test/hostile -run Fuzz -v -args -for 1m -seed 7  mutations of both, as in make torture
//	go test ./test/hostile -run Idle -v                        10,000 connections, and what each costs
package hostile
