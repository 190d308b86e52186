package abuse

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
)

// TestPlacesOfLive opens 1,000 live connections with one tenant's key. Another tenant and the
// operator still find a place.
func TestPlacesOfLive(t *testing.T) {
	d := start(t)
	attacker := d.key("read", "attacker")
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 1010)
	open := func(key string) int {
		conn := c.dial(fmt.Sprintf("GET /live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Connection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", key))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	answers := map[int]int{}
	for range 1000 {
		answers[open(attacker)]++
	}
	t.Logf("1,000 live connections of one tenant: %v", answers)
	if answers[http.StatusSwitchingProtocols] > 100 {
		t.Errorf("one tenant has %d places", answers[http.StatusSwitchingProtocols])
	}
	for name, key := range map[string]string{"the operator": d.operate, "another tenant": honest.key} {
		if status := open(key); status != http.StatusSwitchingProtocols {
			t.Errorf("%s finds no place: %d", name, status)
		}
	}
	honest.served(10)
	honest.leave()
	d.ingest.survives("1,000 live connections of one tenant")
}
