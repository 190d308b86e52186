package flusher

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/flusher/batch"
	"github.com/eduardosanzb/flagmeter/internal/audit"
	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// postUnder sends a request under an Idempotency-Key, "" for none.
func (r *rig) postUnder(key, body string) (status int, answer string) {
	r.Helper()
	var headers []string
	if key != "" {
		headers = []string{"Idempotency-Key", key}
	}
	a := r.API.Post(r, body, headers...)
	return a.Status, a.Body
}

// postKeyed is postUnder with what the answer counts.
func (r *rig) postKeyed(key, body string) (status, accepted, duplicates int) {
	r.Helper()
	status, text := r.postUnder(key, body)
	var answer struct{ Accepted, Duplicates int }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		r.Fatalf("%q: %v", text, err)
	}
	return status, answer.Accepted, answer.Duplicates
}

// wantKeyed sends a request under a key and expects what it counts.
func (r *rig) wantKeyed(key, body string, accepted, duplicates int) {
	r.Helper()
	status, a, d := r.postKeyed(key, body)
	if status != http.StatusOK || a != accepted || d != duplicates {
		r.Errorf("%s under %s: %d, %d accepted and %d duplicates, want %d and %d",
			body, key, status, a, d, accepted, duplicates)
	}
}

// batchOf is a request of one tenant's events, with so many tokens each.
func batchOf(tenant string, tokens ...int) string {
	events := make([]string, len(tokens))
	for i, n := range tokens {
		events[i] = fmt.Sprintf(`{"tenant":%q,"feature":"chat","tokens":%d}`, tenant, n)
	}
	return "[" + strings.Join(events, ",") + "]"
}

// forgetIDs has Valkey lose the ids and keys that it remembers.
func (r *rig) forgetIDs() {
	r.Helper()
	ctx := context.Background()
	keys, err := r.Valkey.Keys(ctx, "fm:{0}:seen:*").Result()
	if err == nil {
		err = r.Valkey.Del(ctx, append(keys, "fm:{0}:slices")...).Err()
	}
	if err != nil {
		r.Fatal(err)
	}
}

// longLine is a raw event of a request.
func longLine(tenant string, tokens any, key string, place int) string {
	return fmt.Sprintf("%s\t%s\t%d\td", line(tenant, tokens), key, place)
}

// Lines of both forms share batches. Those that Postgres refuses go to dead_events, and an audit
// reads both there and in Valkey.
func TestLinesOfBothFormsArrive(t *testing.T) {
	r := newRigWith(t, "acme")
	r.settle()
	r.mustPost("acme", "chat", 1)
	r.wantKeyed(`a\b`, batchOf("acme", 2, 3), 2, 0)
	r.mustPost("acme", "chat", 4)
	r.wantKeyed("k", batchOf("acme", 5, 6, 7), 3, 0)
	report, err := audit.New(r.DB, r.Scripts, r.Now).Audit(t.Context(),
		audit.Query{From: r.Now().Add(-time.Hour), To: r.Now().Add(time.Hour)})
	if err != nil || report.Unreadable > 0 {
		t.Errorf("audit while they wait: %+v, %v", report, err)
	}
	r.Advance(time.Minute)
	r.settle()
	r.wantTokens("acme", 28, 7)
	if n := r.Count(`SELECT count(*) FROM events WHERE request_key = 'a\b'
		AND tokens = request_place + 1 OR request_key = 'k' AND tokens = request_place + 4`); n != 5 {
		t.Errorf("%d events have key and place, want 5", n)
	}
	group := strings.Join([]string{longLine("acme", 8, "x", 1), longLine("acme", "many", "x", 2),
		line("acme", "many"), line("acme", 9),
		longLine("acme", 10, "x", 2) + "\tmore"}, "\n")
	if err := r.Valkey.RPush(context.Background(), "fm:{0}:raw", group).Err(); err != nil {
		t.Fatal(err)
	}
	r.settle()
	if n := r.Count("SELECT sum(tokens) FROM events"); n != 28+17 {
		t.Errorf("%d tokens in events, want 45", n)
	}
	if n := r.Count("SELECT count(*) FROM dead_events"); n != 3 {
		t.Errorf("%d dead events, want 3", n)
	}
}

// To a flusher of the version before, a longer line is bad data. Postgres keeps it from saying so:
// nothing changes, and the batch waits.
func TestAnOlderFlusherCannotBuryLongerLines(t *testing.T) {
	r := newRigWith(t, "acme")
	insert := "INSERT INTO dead_events (batch, kind, content, reason) VALUES ($1, $2, $3, 'test')"
	long := longLine("acme", 5, "k", 1)
	for _, c := range []struct {
		fields, kind, content string
		ok                    bool
	}{
		{"", "raw", long, false},
		{"6", "raw", long, false},
		{fmt.Sprint(record.LongFields), "raw", long, true},
		{"", "raw", line("acme", 5), true},
		{"", "raw", "not a line", true},
		{"", "raw", long + "\tx", true}, // damaged to everybody
		{"", "raw", "\xff\\\t\x00", true},
		{"", "sum", strings.Repeat("\t", 8), true},
	} {
		tx, err := r.FlusherDB.Beginx()
		if err != nil {
			t.Fatal(err)
		}
		if c.fields != "" {
			if _, err := tx.Exec("SET LOCAL flagmeter.line_fields = " + c.fields); err != nil {
				t.Fatal(err)
			}
		}
		_, err = tx.Exec(insert, uuid.New(), c.kind, []byte(c.content))
		if (err == nil) != c.ok || batch.Refused(err) {
			t.Errorf("%q by a flusher that reads %q fields: %v", c.content, c.fields, err)
		}
		_ = tx.Rollback()
	}

	// What it does with a batch, statement by statement.
	conn, err := r.FlusherDB.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := conn.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec("SAVEPOINT half"); err != nil {
		t.Fatal(err)
	}
	if err := store.CopyText(t.Context(), conn, record.CopyInto("events"), long); !batch.Refused(err) {
		t.Fatalf("a longer line: %v, want what an older flusher takes for bad data", err)
	}
	if _, err := tx.Exec("ROLLBACK TO SAVEPOINT half"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(insert, uuid.New(), "raw", []byte(long)); err == nil || batch.Refused(err) ||
		!strings.Contains(err.Error(), "too old") {
		t.Errorf("to bury it: %v, want a failure that ends the transaction", err)
	}
}

// A Valkey that lost keys has accepted requests again. Repeats are dropped, place by place; what
// should have been refused is kept among the dead.
func TestRecoveryDropsRepeatedRequests(t *testing.T) {
	r := newRigWith(t, "acme", "globex")
	r.settle()
	one, two := batchOf("acme", 1, 2, 2),
		`[{"tenant":"acme","feature":"chat","tokens":10,"id":"e1"},`+
			`{"tenant":"globex","feature":"chat","tokens":20}]`
	r.wantKeyed("one", one, 3, 0)
	r.wantKeyed("two", two, 2, 0)
	r.wantKeyed("three", batchOf("acme", 5, 6), 2, 0)
	r.wantKeyed("order", batchOf("acme", 30, 40), 2, 0)
	r.Advance(time.Minute)
	r.settle()
	r.forgetIDs()
	r.wantKeyed("one", one, 3, 0)
	r.wantKeyed("two", two, 2, 0)
	r.wantKeyed("three", batchOf("acme", 5, 7, 8), 3, 0) // these should have been refused
	r.wantKeyed("order", batchOf("acme", 40, 30), 2, 0)
	r.wantKeyed("new", batchOf("acme", 100, 100), 2, 0)
	r.lose()
	n := r.Count("SELECT count(*) FROM dead_events WHERE reason LIKE 'the Idempotency-Key%'")
	if n != 4 {
		t.Errorf("%d dead events, want the four of requests that should have been refused", n)
	}
	r.wantTokens("acme", 5+10+11+70+200, 3+1+2+2+2)
	r.wantTokens("globex", 20, 1)
	r.forgetNothing(one, two)
	r.Advance(2 * time.Minute)
	r.settle()
	r.wantTokens("acme", 296, 10)
}

// forgetNothing expects the requests to be duplicates.
func (r *rig) forgetNothing(one, two string) {
	r.Helper()
	r.wantKeyed("one", one, 0, 3)
	r.wantKeyed("two", two, 0, 2)
	r.wantKeyed("new", batchOf("acme", 100, 100), 0, 2)
	r.wantKeyed("unknown", batchOf("globex", 0, 0), 2, 0)
}

// What came back of Valkey may contain requests that Postgres has under the same ids of events.
func TestRecoveryTakesARequestThatWasFlushedAlready(t *testing.T) {
	r := newRigWith(t, "acme")
	r.settle()
	r.wantKeyed("k", batchOf("acme", 1, 1, 2), 3, 0)
	groups, err := r.Valkey.LRange(t.Context(), "fm:{0}:raw", 0, -1).Result()
	if err != nil || len(groups) != 1 {
		t.Fatal(groups, err)
	}
	r.settle()
	if err := r.Valkey.RPush(t.Context(), "fm:{0}:raw", groups[0]).Err(); err != nil {
		t.Fatal(err)
	}
	r.lose()
	r.wantTokens("acme", 4, 3)
	if n := r.Count("SELECT count(*) FROM dead_events"); n != 0 {
		t.Errorf("%d dead events", n)
	}
	r.wantKeyed("k", batchOf("acme", 1, 1, 2), 0, 3)
}

// A key is put back in its name space, once. If tenants were moved to other shards, nobody can tell
// whether all of a request that was about several was counted: its key is remembered with no
// content.
func TestRecoveryPutsKeysBack(t *testing.T) {
	for _, moved := range []bool{false, true} {
		t.Run(fmt.Sprint("moved ", moved), func(t *testing.T) {
			r := newRigWith(t, "acme", "globex")
			r.settle()
			r.mustPost("acme", "chat", 1)
			r.Advance(time.Minute)
			r.settle()
			now := record.NewIDs()
			for _, e := range []struct{ tenant, key, scope string }{
				{"acme", "a", "t"}, {"acme", "b", "d"}, {"globex", "b", "d"}, {"acme", "c", "s"},
				{"globex", "c", "s"},
			} {
				if _, err := r.DB.Exec(`INSERT INTO events
					(id, tenant, feature, tokens, created_at, request_key, request_place, request_scope)
					VALUES ($1, $2, 'chat', 0, $3, $4, 1, $5)`,
					now.Next(time.Now()), e.tenant, r.Now(), e.key, e.scope); err != nil {
					t.Fatal(err)
				}
			}
			if moved {
				end, err := ledger.End(t.Context(), r.DB, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Scripts.CloseShard(t.Context(), 0, end); err != nil {
					t.Fatal(err)
				}
				if done, err := r.flusher().RunOnce(t.Context()); err != nil || done.Rewinds != 1 {
					t.Fatalf("%+v, %v", done, err)
				}
			} else {
				r.lose()
			}
			ids := []scripts.EventID{scripts.RequestKey("acme", "a", "x"), scripts.RequestKey("", "b", "x"),
				scripts.RequestKey("", "c", "x"),
				scripts.RequestKey("", "a", "x"), scripts.RequestKey("acme", "b", "x"),
				scripts.RequestKey("globex", "a", "x")}
			out, _, err := r.Scripts.Ingest(t.Context(), 0,
				scripts.Group{Committer: "test", Number: 1, IDs: ids}, time.Hour, scripts.Query{})
			if err != nil {
				t.Fatal(err)
			}
			want := []scripts.Seen{{Index: 0, Same: true}, {Index: 1, Same: true}, {Index: 2, Same: !moved}}
			if fmt.Sprint(out.Seen) != fmt.Sprint(want) {
				t.Errorf("seen are %+v, want %+v", out.Seen, want)
			}
		})
	}
}

// A restored Postgres: keys of requests that it lost are free again, those that it has are not.
func TestAdoptionPutsKeysBack(t *testing.T) {
	r := newRewinder(t)
	r.in(t, "acme")
	r.flush()
	r.wantKeyed("kept", batchOf("acme", 1, 2), 2, 0)
	r.Advance(time.Minute)
	r.flush()
	r.saveTables()
	r.wantKeyed("lost", batchOf("acme", 3, 4), 2, 0)
	r.Advance(time.Minute)
	r.flush()
	r.loseTables()
	end, err := ledger.End(t.Context(), r.DB, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Scripts.MarkRestored(t.Context(), 0, end); err != nil {
		t.Fatal(err)
	}
	r.flush()
	r.wantKeyed("kept", batchOf("acme", 1, 2), 0, 2)
	r.wantKeyed("lost", batchOf("acme", 3, 4), 2, 0)
	r.settleAll()
	r.wantTokens("acme", 10, 4)
	r.wantSame()
}

// TestCrashWithRequestsUnderTheirKeys ends a flusher after each step while lines of both forms
// wait, and has each request sent again behind the crash.
func TestCrashWithRequestsUnderTheirKeys(t *testing.T) {
	for at := batch.StepDurable; at <= batch.StepAck; at++ {
		t.Run(fmt.Sprintf("step %d", at), func(t *testing.T) {
			r := newRigWith(t, "acme")
			r.settle()
			r.mustPost("acme", "chat", 100)
			r.wantKeyed("k", batchOf("acme", 1, 2), 2, 0)
			r.Advance(time.Minute)
			f := r.flusher()
			f.after = func(s batch.Step) error {
				if s == at {
					return errCrash
				}
				return nil
			}
			if _, err := f.RunOnce(t.Context()); err == nil {
				t.Fatal("the step was not reached")
			}
			r.wantLive("acme", 103)
			r.wantKeyed("k", batchOf("acme", 1, 2), 0, 2)
			r.wantKeyed("k2", batchOf("acme", 1, 2), 2, 0)
			r.Advance(2 * time.Minute)
			r.settle()
			r.wantTokens("acme", 106, 5)
		})
	}
}
