package abuse

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestBackfills sends batches of 9,240 events with ids, in 280 features and 33 days, over 16
// connections without a pause: each keeps within all limits, and costs Valkey 2,000 times what an
// event of the honest client does.
func TestBackfills(t *testing.T) {
	const connections, features, days = 16, 280, 33
	d := start(t, "RATE_GUARD=0")
	key := d.key("ingest", "attacker")
	honest := d.neighbour()
	honest.served(5)
	before := d.memoryOfValkey()

	var answered, failed atomic.Int64
	end, ended := make(chan struct{}), sync.WaitGroup{}
	for client := range connections {
		ended.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-end:
					return
				default:
				}
				body := backfill(fmt.Sprint(client, "-", n), features, days)
				switch status := d.post(key, body); status {
				case http.StatusOK:
					answered.Add(1)
				case http.StatusServiceUnavailable: // it waits for itself
				default:
					failed.Add(1)
				}
			}
		})
	}
	d.await("the attack goes on", func() bool { return answered.Load() >= 2 })
	start, events := answered.Load(), honest.accepted.Load()
	honest.served(20)
	batches, served := answered.Load()-start, honest.accepted.Load()-events
	close(end)
	ended.Wait()
	honest.leave()
	grown := d.memoryOfValkey() - before
	t.Logf("%d batches were counted while the honest client had %d events counted; valkey has grown "+
		"by %d MiB in all %d",
		batches, served, grown>>20, answered.Load())
	// An event waits for what Valkey is at, and not for what is queued behind that.
	if batches > 2*served {
		t.Errorf("%d batches went before %d events", batches, served)
	}
	// Counters of 9,240 events take some 5 MiB, and stay for half a minute after they are flushed.
	if most := int64(answered.Load()+connections) * 12 << 20; grown > most {
		t.Errorf("valkey has grown by %d MiB, want at most %d", grown>>20, most>>20)
	}
	if failed.Load() > 0 {
		t.Errorf("%d batches were refused", failed.Load())
	}
	d.ingest.survives("16 backfills")
}

// backfill is a batch of an event for each feature and day, as lines of JSON.
func backfill(id string, features, days int) string {
	var b strings.Builder
	now := time.Now().UTC()
	for f := range features {
		for day := range days {
			at := now.AddDate(0, 0, -day).Add(-10 * time.Minute).Format(time.RFC3339)
			fmt.Fprintf(&b,
				`{"tenant":"attacker","feature":"feature-%d","tokens":1,"id":"%s-%d-%d","timestamp":%q}`+"\n",
				f, id, f, day, at)
		}
	}
	return b.String()
}

// post sends lines of events and returns the status, 0 if there is no answer.
func (d *deployment) post(key, lines string) int {
	req, err := http.NewRequest("POST", "http://"+d.ingest.Addr+"/events", strings.NewReader(lines))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// memoryOfValkey is what its data take.
func (d *deployment) memoryOfValkey() int64 {
	d.Helper()
	info, err := d.env.Valkey.Info(d.Context(), "memory").Result()
	if err != nil {
		d.Fatal(err)
	}
	m := regexp.MustCompile(`used_memory:(\d+)`).FindStringSubmatch(info)
	if m == nil {
		d.Fatal("INFO memory has no used_memory")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		d.Fatal(err)
	}
	return n
}
