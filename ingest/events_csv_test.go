package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// More events than a page, many at the same instant, spread over days: each is handed out
// once, in order.
func TestEventsAsCSV(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const events = 2*5000 + 77
	if _, err := a.env.DB.Exec(`INSERT INTO events (id, tenant, feature, tokens, created_at, idempotency_key)
		SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN 'acme' ELSE 'free' END, '=1+1', n, timestamptz '2026-07-20 00:00Z' + (n / 8000) * interval '3 days',
			CASE WHEN n % 4 = 0 THEN '-' || n END
			FROM generate_series(2, 1 + 2 * $1::int) AS n`, events); err != nil {
		t.Fatal(err)
	}
	rows := a.csv("/usage/acme/events.csv?from=2026-07-20&to=2026-08-01")
	if len(rows) != 1+events {
		t.Fatalf("%d lines, want %d", len(rows), 1+events)
	}
	seen, last := map[string]bool{}, ""
	for i, row := range rows[1:] {
		if at := row[4] + row[0]; row[1] != "acme" || row[2] != "'=1+1" || seen[row[0]] || at <= last {
			t.Fatalf("line %d is %q", i, row)
		} else {
			seen[row[0]], last = true, at
		}
		if row[5] != "" && row[5] != "'-"+row[3] {
			t.Fatalf("line %d has the client's id %q", i, row[5])
		}
	}
	if rows := a.csv("/usage/acme/events.csv?from=2026-07-20T00:00:00.000001Z&to=2026-07-23"); len(rows) != 1 {
		t.Errorf("between two instants: %q", rows[1:])
	}
	if rows := a.csv("/usage/acme/events.csv?from=2026-07-20&to=2026-07-20T00:00:00.000001Z"); len(rows) == 1 {
		t.Error("the start is not in the range")
	}
}

// What waits in Valkey is not in; the header says from when on.
func TestEventsAsCSVSayHowCompleteTheyAre(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	completeTo := func() time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339Nano,
			a.get("/usage/acme/events.csv").header.Get("X-Complete-To"))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if got := completeTo(); !got.Equal(a.clock.Now()) {
		t.Errorf("with nothing waiting: %v, want now", got)
	}
	a.counted(acme(1, ""))
	group, err := a.env.Valkey.LIndex(t.Context(), "fm:{0}:raw", 0).Result()
	if err != nil {
		t.Fatal(err)
	}
	seconds, nanos := uuid.MustParse(group[:36]).Time().UnixTime()
	arrived := time.Unix(seconds, nanos)
	a.counted(acme(1, ""))
	if got := completeTo(); !got.Equal(arrived) {
		t.Errorf("with an open list: %v, want %v", got, arrived)
	}
	if err := a.env.Valkey.Rename(t.Context(), "fm:{0}:raw", "fm:{0}:raw:x").Err(); err != nil {
		t.Fatal(err)
	}
	if err := a.env.Valkey.Do(t.Context(), "ZADD", "fm:{0}:sealed:raw", 1, "x").Err(); err != nil {
		t.Fatal(err)
	}
	a.counted(acme(1, ""))
	if got := completeTo(); !got.Equal(arrived) {
		t.Errorf("with a sealed batch: %v, want %v", got, arrived)
	}
	if rows := a.csv(fmt.Sprintf("/usage/acme/events.csv?to=%s", "2026-08-02")); len(rows) != 1 {
		t.Errorf("what waits is in: %q", rows)
	}
}

// slowClient is a client in whose middle of an answer something happens.
type slowClient struct {
	*httptest.ResponseRecorder
	meanwhile func()
}

func (c slowClient) Write(b []byte) (int, error) {
	c.meanwhile()
	return c.ResponseRecorder.Write(b)
}

func (c slowClient) SetWriteDeadline(time.Time) error { return nil }

// A month of events takes as long as the client likes; a credential may end meanwhile.
func TestEventsAsCSVEndWithTheCredential(t *testing.T) {
	a := guarded(t)
	if _, err := a.env.DB.Exec(`INSERT INTO events (id, tenant, feature, tokens, created_at)
		SELECT gen_random_uuid(), 'acme', 'x', 1, timestamptz '2026-07-20 00:00Z' + n * interval '1 minute' FROM generate_series(1, 10000) AS n`); err != nil {
		t.Fatal(err)
	}
	token, err := auth.Mint(a.tokens(), "acme", "read", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, ends := range []bool{false, true} {
		w := slowClient{httptest.NewRecorder(), func() {
			if ends {
				a.clock.Advance(2 * time.Hour)
			}
		}}
		r := httptest.NewRequest("GET", "/usage/acme/events.csv?from=2026-07-20&to=2026-08-01", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		aborted := func() (value any) {
			defer func() { value = recover() }()
			a.server.Handler().ServeHTTP(w, r)
			return nil
		}()
		if lines := strings.Count(w.Body.String(), "\n"); ends != (aborted == http.ErrAbortHandler) ||
			ends == (lines == 10_001) {
			t.Errorf("ends %v: %d lines, %v", ends, lines, aborted)
		}
	}
}
