// Package intake turns the body of a request into events for package commit, whatever their format.
//
//	Decoder   decoder.go      one format; native/ is FlagMeter's own
//	Post      post.go         one request, from its body to its answer
//	readBody  body.go         within its limits and the memory for requests, unpacked (gzip.go)
//	waitTurn  turn.go         large requests enter a few at a time
//	takeKey   idempotency.go  the header Idempotency-Key
//	prepare   tenants.go      the tenants that the events name
package intake
