package abuse

import (
	"bufio"
	"fmt"
	"net/http"
	"testing"
)

// TestExports asks for 40 exports of a tenant's 100,000 events at once, with one key, while an
// operator looks at pages.
func TestExports(t *testing.T) {
	d := start(t)
	d.exec(`INSERT INTO events (id, tenant, feature, tokens, created_at)
		SELECT gen_random_uuid(), 'attacker', 'chat', 1, date_trunc('day', now()) - n * interval '1 second'
			FROM generate_series(1, 100000) AS n`)
	attacker := d.key("read", "attacker")
	honest := d.neighbour()
	honest.served(5)
	c := d.crowd(d.ingest.Addr, 40)
	for range 40 {
		c.dial(fmt.Sprintf("GET /usage/attacker/events.csv HTTP/1.1\r\nHost: x\r\n"+
			"Authorization: Bearer %s\r\n\r\n", attacker))
	}
	answers := map[int]int{}
	for _, conn := range c.conns {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		answers[resp.StatusCode]++
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Error("an export that is refused does not say when to come again")
		}
	}
	for range 3 {
		if status := d.get(d.operate, "/tenants"); status != http.StatusOK {
			t.Errorf("the operator's GET /tenants: %d", status)
		}
		if status := d.get(d.operate, "/usage/attacker/series"); status != http.StatusOK {
			t.Errorf("the operator's GET /usage/attacker/series: %d", status)
		}
	}
	honest.served(10)
	honest.leave()
	t.Logf("40 exports at once: %v", answers)
	if answers[http.StatusOK] == 0 || answers[http.StatusOK] > 4 ||
		answers[http.StatusOK]+answers[http.StatusTooManyRequests] != 40 {
		t.Errorf("40 exports at once are answered %v, want 1 to 4 times 200 and else 429", answers)
	}
	d.ingest.survives("40 exports at once")
}
