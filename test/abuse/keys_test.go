package abuse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestKeyFlood makes API keys without a pause, over 16 connections, with an admin key of one tenant
// and with the keys that it has made; it revokes some to make others. Every process holds all
// keys in memory, so their number is bounded: by the limits of the tenant, and without those by
// MAX_KEYS.
func TestKeyFlood(t *testing.T) {
	for name, c := range map[string]struct {
		most     int // keys that were ever made
		settings []string
		others   int // what a request of another tenant for a key is answered then
	}{
		"limits of a tenant": {100, nil, http.StatusCreated},
		"MAX_KEYS alone": {600, []string{"MAX_KEYS=600", "MAX_TENANT_KEYS=0",
			"TENANT_KEYS_PER_HOUR=0"}, http.StatusTooManyRequests},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, c.settings...)
			f := &keyFlood{d: d, first: d.key("admin", "attacker"), end: make(chan struct{})}
			honest := d.neighbour()
			honest.served(5)
			f.begin(16)
			d.await("every connection is refused", func() bool {
				return f.refused.Load() >= 16*5 || f.made.Load() > 2*int64(c.most)
			})
			honest.served(20)
			if status, _ := d.makeKey(honest.key, "victim"); status != c.others {
				t.Errorf("another tenant's key: %d, want %d", status, c.others)
			}
			close(f.end)
			f.ended.Wait()
			for _, answer := range f.wrong {
				t.Errorf("the flood was answered %s", answer)
			}
			honest.leave()
			f.bounded(c.most)
			d.ingest.survives("16 connections that make keys")

			d.ingest.Stop()
			d.ingest = d.run("ingest", c.settings...)
			d.await("an ingest that starts afterwards is ready", func() bool {
				return d.get(d.operate, "/readyz") == http.StatusOK &&
					d.get(f.first, "/session") == http.StatusOK
			})
			d.ingest.survives("the start with all those keys")
		})
	}
}

// keyFlood is a client that makes keys.
type keyFlood struct {
	d             *deployment
	first         string // the key that it began with
	end           chan struct{}
	ended         sync.WaitGroup
	made, refused atomic.Int64
	mu            sync.Mutex
	wrong         []string // answers that it must not get
}

func (f *keyFlood) begin(connections int) {
	for range connections {
		f.ended.Go(func() {
			for with, id := f.first, ""; ; {
				select {
				case <-f.end:
					return
				default:
				}
				status, made := f.d.makeKey(with, "attacker")
				switch status {
				case http.StatusCreated:
					f.made.Add(1)
					with, id = made.Key, made.ID
				case http.StatusUnauthorized: // its newest key is not known yet
					with = f.first
				case http.StatusConflict, http.StatusTooManyRequests:
					f.refused.Add(1)
					if id != "" {
						f.d.call(f.first, "DELETE", "/keys/"+id, "", nil)
						with, id = f.first, ""
					}
				default:
					f.mu.Lock()
					f.wrong = append(f.wrong, fmt.Sprint(status))
					f.mu.Unlock()
					return
				}
			}
		})
	}
}

// bounded fails the test if more keys than most were made.
func (f *keyFlood) bounded(most int) {
	f.d.Helper()
	var all, live int
	row := f.d.env.DB.QueryRowContext(f.d.Context(),
		`SELECT count(*), count(*) FILTER (WHERE revoked_at IS NULL) FROM api_keys`)
	if err := row.Scan(&all, &live); err != nil {
		f.d.Fatal(err)
	}
	f.d.Logf("%d keys were made and %d requests refused; there are %d, of them %d live", f.made.Load(),
		f.refused.Load(), all, live)
	if honest := 4; all > most+honest { // the operator, the attacker's first, the neighbour's two
		f.d.Errorf("there are %d keys, want at most %d", all, most+honest)
	}
}

type madeKey struct{ ID, Key string }

// makeKey asks for an admin key of a tenant.
func (d *deployment) makeKey(with, tenant string) (status int, made madeKey) {
	status = d.call(with, "POST", "/keys", `{"scope":"admin","tenant":"`+tenant+`"}`, &made)
	return status, made
}

// call sends a request of JSON and returns the status, 0 if there is no answer. It reads the answer
// into into unless that is nil.
func (d *deployment) call(key, method, path, body string, into any) int {
	a, err := d.client(key).Do(context.Background(), method, path, strings.NewReader(body))
	if err != nil || into != nil && json.Unmarshal([]byte(a.Body), into) != nil {
		return 0
	}
	return a.Status
}
