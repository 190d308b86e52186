// Package live answers GET /live: a WebSocket that sends a list of tenants, or one tenant, as it is
// and then as it changes.
//
//	Feeds     feeds.go     one state a second for each distinct question
//	          places.go    how many clients there may be, and of whom
//	question  question.go  what a client wants to see
//	feed      feed.go      the present state of one question, and the frame that leads to it
//	state     frame.go     what a client has not been sent yet
//	Open      live.go      one client, from the handshake to its end
package live
