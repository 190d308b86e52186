package abuse

import (
	"fmt"
	"strings"
	"testing"
)

// TestStalledBodies begins 100 bodies of 4 MiB and keeps the last byte back.
func TestStalledBodies(t *testing.T) {
	d := start(t)
	attacker := d.key("ingest", "attacker")
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 100)
	body := "[" + strings.Repeat(" ", 4<<20-2)
	for range 100 {
		conn := c.dial(fmt.Sprintf("POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\n"+
			"Content-Length: %d\r\n\r\n", attacker, len(body)+1))
		go func() { _, _ = conn.Write([]byte(body)) }() // some are refused in the middle
	}
	honest.served(20)
	honest.leave()
	d.ingest.survives("100 stalled bodies of 4 MiB")
}

// TestStalledGzip does the same with 4 kB of gzip that unpack to 4 MiB.
func TestStalledGzip(t *testing.T) {
	d := start(t)
	attacker := d.key("ingest", "attacker")
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 300)
	body := packed(strings.Repeat(" ", 4<<20-1) + "[")
	body = body[:len(body)-8] // without the trailer
	for range 300 {
		c.dial(fmt.Sprintf("POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\n"+
			"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", attacker, len(body)+8, body))
	}
	honest.served(20)
	honest.leave()
	d.ingest.survives(fmt.Sprintf("300 stalled gzip bodies of %d bytes", len(body)))
}
