package abuse

import (
	"fmt"
	"strings"
	"testing"
)

// unfinished is 16 kB of a header without its end, of short lines: each becomes an entry of a
// map, which takes the server twenty times as much.
var unfinished = func() string {
	var text strings.Builder
	text.WriteString("GET /healthz HTTP/1.1\r\nHost: x\r\n")
	for i := 0; text.Len() < 16<<10; i++ {
		fmt.Fprintf(&text, "%x:\r\n", i)
	}
	return text.String()
}()

// TestUnfinishedHeaders opens 1,000 connections that each send 16 kB of a header, and not
// its end.
func TestUnfinishedHeaders(t *testing.T) {
	d := start(t)
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 1000)
	for range 1000 {
		c.dial(unfinished)
	}
	honest.served(20)
	honest.leave()
	d.ingest.survives("1,000 unfinished headers of 16 kB")
}
