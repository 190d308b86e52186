package valkey

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/redis/go-redis/v9"
)

// reply is an error that Valkey answered with, as go-redis hands it on.
type reply string

func (r reply) Error() string { return string(r) }
func (r reply) RedisError()   {}

func TestTransient(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{reply("LOADING Valkey is loading the dataset in memory"), true},
		{reply("BUSY Valkey is busy running a script."), true},
		{reply("CLUSTERDOWN Hash slot not served"), true},
		{reply("TRYAGAIN Multiple keys request during rehashing of slot"), true},
		{reply("MASTERDOWN Link with MASTER is down"), true},
		{reply("READONLY You can't write against a read only replica."), true},
		{reply("OOM command not allowed when used memory > 'maxmemory'."), false},
		{reply("NOSCRIPT No matching script."), false},
		{reply("NOAUTH Authentication required."), false},
		{reply("WRONGTYPE Operation against a key holding the wrong kind of value"), false},
		{reply("ERR value is not an integer or out of range"), false},
		{redis.Nil, false},
		{io.EOF, true},
		{context.DeadlineExceeded, true},
	} {
		for _, err := range []error{c.err, fmt.Errorf("ingest group: %w", c.err)} {
			if got := Transient(err); got != c.want {
				t.Errorf("Transient(%v) = %t, want %t", err, got, c.want)
			}
		}
	}
}
