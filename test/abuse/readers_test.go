package abuse

import (
	"fmt"
	"testing"
)

// TestSlowReaders asks 100 times for the list of 10,000 tenants, 6 MB each, and reads none.
func TestSlowReaders(t *testing.T) {
	d := start(t)
	d.exec("INSERT INTO tenants (name, monthly_quota) SELECT 'tenant-' || n, 1000 FROM " +
		"generate_series(1, 10000) AS n")
	attacker := d.key("read", "")
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 100)
	for range 100 {
		small(c.dial(fmt.Sprintf("GET /tenants?limit=10000 HTTP/1.1\r\nHost: x\r\n"+
			"Authorization: Bearer %s\r\n\r\n", attacker)))
	}
	honest.served(20)
	honest.leave()
	d.ingest.survives("100 readers of 6 MB that do not read")
}
