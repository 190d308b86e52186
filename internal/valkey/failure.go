package valkey

import (
	"errors"

	"github.com/redis/go-redis/v9"
)

// ErrFull reports that Valkey has reached maxmemory; nothing was written.
var ErrFull = errors.New("valkey is full")

// IsFull reports whether Valkey answered that it has reached maxmemory.
func IsFull(err error) bool { return redis.HasErrorPrefix(err, "OOM") }

// passing are the answers of a Valkey that did not run a script now but will soon.
var passing = []string{"LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY"}

// Transient reports whether it makes sense to send the same call again: the
// connection failed, so that the outcome is unknown, or Valkey was not ready.
func Transient(err error) bool {
	for _, prefix := range passing {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	var reply redis.Error
	return !errors.As(err, &reply)
}

// NoWaitAOF reports an answer of a server that is too old for WAITAOF (Redis 7.0) or
// runs without an append-only file. Both are safe only if the other guarantees of
// the deployment are; the flusher says so at start-up.
func NoWaitAOF(err error) bool {
	return redis.HasErrorPrefix(err, "unknown command") ||
		redis.HasErrorPrefix(err, "WAITAOF cannot be used")
}
