package torture

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// asking gives up before it holds up the harness.
var asking = &http.Client{Timeout: 5 * time.Second}

// get asks a role for a path and returns its answer, which must be 200.
func get(ctx context.Context, p *process, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := asking.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s answers %s", p.name, resp.Status)
	}
	return resp, nil
}

// awaitReady waits until an ingest accepts events.
func (r *rig) awaitReady(ctx context.Context, p *process) error {
	return waittest.Wait(ctx, waittest.Patience, p.name+" to be ready", func() bool {
		resp, err := get(ctx, p, "/readyz")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	})
}

// usage is an answer to GET /usage/:tenant.
type usage struct {
	TotalTokens int64     `json:"totalTokens"`
	PeriodStart time.Time `json:"periodStart"`
	PeriodEnd   time.Time `json:"periodEnd"`
	AsOf        time.Time `json:"asOf"`
	Stale       bool      `json:"stale"`
	Features    []struct {
		Feature string `json:"feature"`
		Tokens  int64  `json:"tokens"`
		Events  int64  `json:"events"`
	} `json:"features"`
}

// usage asks an ingest for a tenant's usage until the answer is not stale.
func (r *rig) usage(ctx context.Context, p *process, tenant string) (u usage, err error) {
	waited := waittest.Wait(ctx, waittest.Patience, "usage that is not stale", func() bool {
		u, err = r.ask(ctx, p, tenant)
		return err == nil && !u.Stale
	})
	if err == nil {
		err = waited
	}
	return u, err
}

// ask asks an ingest once for a tenant's usage.
func (r *rig) ask(ctx context.Context, p *process, tenant string) (u usage, err error) {
	resp, err := get(ctx, p, "/usage/"+tenant)
	if err != nil {
		return u, err
	}
	defer resp.Body.Close()
	err = json.NewDecoder(resp.Body).Decode(&u)
	return u, err
}

// metric reads a metric without labels.
func metric(ctx context.Context, p *process, name string) (float64, error) {
	resp, err := get(ctx, p, "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s has no metric %s", p.name, name)
}

// ledger is the number of batches in Postgres.
func (r *rig) ledger(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = r.db.GetContext(ctx, &n, "SELECT count(*) FROM flushes")
	return n, err
}

// awaitFlushes waits until n more batches are in Postgres.
func (r *rig) awaitFlushes(ctx context.Context, n int) error {
	before := -1
	return waittest.Wait(ctx, waittest.Patience, fmt.Sprint(n, " more batches in Postgres"),
		func() bool {
			now, err := r.ledger(ctx)
			if err != nil {
				return false
			}
			if before < 0 {
				before = now
			}
			return now >= before+n
		})
}

// awaitAcks waits until n more events are acknowledged.
func (r *rig) awaitAcks(ctx context.Context, n int) error {
	before := r.journal.acks()
	return waittest.Wait(ctx, waittest.Patience, fmt.Sprint(n, " more acknowledgements"),
		func() bool { return r.journal.acks() >= before+n })
}
