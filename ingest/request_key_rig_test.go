package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// keyed runs a server beside a flusher that has worked once.
func keyed(t testing.TB, change ...func(*setup)) *api {
	t.Helper()
	a := newAPI(t, stacktest.New(t), change...)
	a.flush()
	return a
}

// flush has a flusher bring to Postgres what it can.
func (a *api) flush() {
	a.Helper()
	if _, err := a.flusher().RunOnce(a.Context()); err != nil {
		a.Fatal(err)
	}
}

// tryKeyed sends a body under an Idempotency-Key; it may be called from any goroutine.
func (a *api) tryKeyed(key, contentType, body string) (response, error) {
	req, err := http.NewRequestWithContext(a.Context(), http.MethodPost, a.url+"/events",
		strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header = http.Header{"Content-Type": {contentType}, "Idempotency-Key": {key}}
	return a.send(req)
}

func (a *api) postKeyed(key, contentType, body string) response {
	a.Helper()
	r, err := a.tryKeyed(key, contentType, body)
	if err != nil {
		a.Fatal(err)
	}
	return r
}

// wantKeyed sends a body under a key and expects the answer to count so many events and duplicates,
// and its first usage to be so many tokens.
func (a *api) wantKeyed(key, contentType, body string, accepted, duplicates int, tokens int64) {
	a.Helper()
	r := a.postKeyed(key, contentType, body)
	if r.status != http.StatusOK {
		a.Fatalf("%.200s under %s: %d %s", body, key, r.status, r.body)
	}
	got := a.read(r)
	if got.Accepted != accepted || got.Duplicates != duplicates || got.Usage[0].TotalTokens != tokens {
		a.Errorf("%.200s under %s: %+v, want %d, %d and %d tokens", body, key, got, accepted, duplicates,
			tokens)
	}
}

// remembered is how many ids a shard remembers.
func (a *api) remembered(shard int) (n int) {
	a.Helper()
	slices, err := a.env.Valkey.LRange(a.Context(), fmt.Sprintf("fm:{%d}:slices", shard), 0,
		-1).Result()
	if err != nil {
		a.Fatal(err)
	}
	for _, slice := range slices {
		var number, start, buckets, ids int
		if _, err := fmt.Sscan(slice, &number, &start, &buckets, &ids); err != nil {
			a.Fatal(err)
		}
		n += ids
	}
	return n
}

const (
	threeEvents = `[{"tenant":"acme","feature":"chat","tokens":1},{"tenant":"acme","feature":"chat","tokens":1},` +
		`{"tenant":"free","feature":"image","tokens":1,"timestamp":"2026-08-01T11:00:00Z"}]`
	sameAsLines = `{"tokens":1, "feature":"chat", "tenant":"acme"}` + "\n\n" +
		`{ "tenant":"acme","feature":"ch\u0061t","tokens":1}` + "\n" +
		`{"timestamp":"2026-08-01T13:00:00+02:00","tenant":"free","feature":"image","tokens":1}`
)
