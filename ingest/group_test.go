package ingest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestConcurrentRequestsShareCalls(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const clients, each = 64, 20
	a.counted(acme(1, ""))
	before := a.calls()
	var highest atomic.Int64
	together(clients, func(client int) {
		for i := range each {
			body := fmt.Sprintf(`[%s,{"tenant":"free","feature":"f%d","tokens":3}]`, acme(2, ""), client%5)
			if i%2 == 1 {
				body = acme(2, fmt.Sprintf(`,"id":"%d-%d"`, client, i)) + "\n" +
					fmt.Sprintf(`{"tenant":"free","feature":"f%d","tokens":3}`, client%5)
			}
			contentType := []string{jsonType, ndjsonType}[i%2]
			r, err := a.do("POST", "/events", contentType, strings.NewReader(body))
			if err != nil || r.status != 200 {
				t.Errorf("%d %s, %v", r.status, r.body, err)
				return
			}
			total := a.read(r).Usage[0].TotalTokens
			for h := highest.Load(); total > h && !highest.CompareAndSwap(h, total); h = highest.Load() {
			}
		}
	})
	const requests = clients * each
	if calls := a.calls() - before; calls > requests/2 {
		t.Errorf("%d calls for %d requests of %d clients", calls, requests, clients)
	}
	if got := a.total("acme"); got != 1+2*requests || highest.Load() != got {
		t.Errorf("acme: %d tokens, the highest answer says %d, want %d", got, highest.Load(),
			1+2*requests)
	}
	if got := a.total("free"); got != 3*requests {
		t.Errorf("free: %d tokens, want %d", got, 3*requests)
	}
	if got := a.metrics()["ingest_events_total"]; got != 1+2*requests {
		t.Errorf("the metric says %v events, want %d", got, 1+2*requests)
	}
}
