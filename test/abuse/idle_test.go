package abuse

import (
	"net/http"
	"testing"
)

// TestIdleConnections opens 9,000 connections: one half never says anything, the other has been
// answered and stays. Three more requests for the whole list of tenants come upon that.
func TestIdleConnections(t *testing.T) {
	d := start(t)
	d.exec("INSERT INTO tenants (name, monthly_quota) SELECT 'tenant-' || n, 1000 FROM " +
		"generate_series(1, 10000) AS n")
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 9000)
	for i := range 9000 {
		if i%2 == 0 {
			c.dial("")
			continue
		}
		conn := c.dial("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		answer := make([]byte, 4096)
		_, _ = conn.Read(answer) // it may have been closed
	}
	for range 3 {
		if status := d.get(d.operate, "/tenants?limit=10000"); status != http.StatusOK {
			t.Errorf("GET /tenants: %d", status)
		}
	}
	honest.served(20)
	honest.leave()
	t.Logf("%d of 9,000 connections are open", c.open())
	d.ingest.survives("9,000 idle connections")
}
