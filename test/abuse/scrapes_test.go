package abuse

import (
	"net/http"
	"testing"
)

// TestUnfinishedScrapes sends 1,000 unfinished headers to each listener of metrics, which asks
// nobody for a credential.
func TestUnfinishedScrapes(t *testing.T) {
	d := start(t)
	honest := d.neighbour()
	honest.served(5)
	flusher := d.run("flusher", "METRICS_ADDR=127.0.0.1:0")
	for _, addr := range []string{flusher.Addr, d.ingest.Address("metrics are served")} {
		c := d.crowd(addr, 1000)
		for range 1000 {
			c.dial(unfinished)
		}
		d.await("a scrape is answered", func() bool {
			resp, err := http.Get("http://" + addr + "/metrics")
			if err != nil {
				return false
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
	}
	honest.served(20)
	honest.leave()
	for _, p := range []*process{flusher, d.ingest} {
		p.survives("1,000 unfinished headers to METRICS_ADDR")
	}
}
