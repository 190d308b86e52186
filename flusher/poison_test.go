package flusher

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// line is a raw event as ingest encodes it.
func line(tenant string, tokens any) string {
	return fmt.Sprintf("%s\t%s\tchat\t%v\t2026-03-10 12:00:00+00\t\\N",
		uuid.Must(uuid.NewV7()), tenant, tokens)
}

// TestPoisonLineDies puts three lines that Postgres refuses among good ones. The good
// ones arrive, the bad ones are kept with the reason, and the next batch is not held up.
func TestPoisonLineDies(t *testing.T) {
	r := newRigWith(t, "acme")
	ctx := context.Background()
	var lines []string
	for i := range 100 {
		switch i {
		case 13:
			lines = append(lines, line("acme", "many"))
		case 57:
			lines = append(lines, "not a line at all")
		case 99:
			lines = append(lines, line("acme", "9223372036854775808"))
		default:
			lines = append(lines, line("acme", 10))
		}
	}
	for part := range 4 { // in four groups, as concurrent requests would leave them
		group := strings.Join(lines[part*25:(part+1)*25], "\n")
		if err := r.Valkey.RPush(ctx, "fm:{0}:raw", group).Err(); err != nil {
			t.Fatal(err)
		}
	}
	done, err := r.flusher().RunOnce(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if done.Dead != 3 {
		t.Errorf("result says %d dead rows, want 3", done.Dead)
	}
	if n := r.Count("SELECT sum(tokens) FROM events"); n != 970 {
		t.Errorf("%d tokens in events, want 970", n)
	}
	var dead []struct{ Content, Reason string }
	if err := r.DB.Select(&dead, "SELECT convert_from(content, 'UTF8') AS content, reason"+
		" FROM dead_events ORDER BY created_at"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{13, 57, 99} {
		if i >= len(dead) || dead[i].Content != lines[want] || dead[i].Reason == "" {
			t.Errorf("dead event %d is not line %d with a reason: %+v", i, want, dead)
		}
	}
	r.mustPost("acme", "chat", 1)
	r.settle()
	if n := r.Count("SELECT sum(tokens) FROM events"); n != 971 {
		t.Errorf("%d tokens in events after the next flush, want 971", n)
	}
}

// TestPoisonBatchSparesOthers flushes a good and a bad batch together, sealed as
// ingest seals a full list.
func TestPoisonBatchSparesOthers(t *testing.T) {
	r := newRigWith(t, "acme")
	ctx := context.Background()
	for seq, content := range []string{line("acme", 10), line("acme", -1) + "\textra field"} {
		id := uuid.NewString()
		if err := r.Valkey.RPush(ctx, "fm:{0}:raw:"+id, content).Err(); err != nil {
			t.Fatal(err)
		}
		err := r.Valkey.ZAdd(ctx, "fm:{0}:sealed:raw", redis.Z{Score: float64(seq + 1), Member: id}).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	done, err := r.flusher().RunOnce(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Result{Batches: 2, Events: 1, Tokens: 10, Dead: 1}); done != want {
		t.Errorf("result %+v, want %+v", done, want)
	}
	if n := r.Count("SELECT count(*) FROM events"); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	if n := r.Count("SELECT count(*) FROM dead_events"); n != 1 {
		t.Errorf("%d dead events, want 1", n)
	}
}

// TestPoisonSumDies lets a counter overflow in Postgres and names a tenant that was
// removed there. Both rows die; the others are added.
func TestPoisonSumDies(t *testing.T) {
	r := newRigWith(t, "acme", "globex", "gone")
	if _, err := r.DB.Exec("INSERT INTO usage_daily (tenant, day, feature, total_tokens, events)"+
		" VALUES ('acme', '2026-03-10', 'chat', $1, 1)",
		math.MaxInt64-5); err != nil {
		t.Fatal(err)
	}
	r.mustPost("acme", "chat", 6)
	r.mustPost("acme", "code", 7)
	r.mustPost("globex", "chat", 8)
	r.mustPost("gone", "chat", 9)
	stacktest.ForgetTenants(t, r.DB, "gone")
	r.Advance(time.Minute)
	done, err := r.flusher().RunOnce(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// acme/chat in usage_daily; gone/chat in rollups and in usage_daily.
	if n := r.Count("SELECT count(*) FROM dead_events WHERE kind = 'sum'"); n != 3 || done.Dead != 3 {
		t.Errorf("%d dead rows, result says %d, want 3", n, done.Dead)
	}
	if n := r.Count("SELECT sum(total_tokens) FROM rollups"); n != 6+7+8 {
		t.Errorf("%d tokens in rollups, want 21", n)
	}
	n := r.Count("SELECT total_tokens FROM usage_daily WHERE tenant = 'acme' AND feature = 'code'")
	if n != 7 {
		t.Errorf("%d tokens of acme/code in usage_daily, want 7", n)
	}
	r.wantLive("globex", 8)
}

// TestPassingFailureIsNotPoison fails a flush for a reason that is not the data.
func TestPassingFailureIsNotPoison(t *testing.T) {
	r := newRigWith(t, "acme")
	r.mustPost("acme", "chat", 5)
	r.Advance(time.Minute)
	if _, err := r.DB.Exec("ALTER TABLE events RENAME TO away"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.flusher().RunOnce(context.Background()); err == nil {
		t.Fatal("a flush without a table succeeded")
	}
	if _, err := r.DB.Exec("ALTER TABLE away RENAME TO events"); err != nil {
		t.Fatal(err)
	}
	r.wantLive("acme", 5)
	r.settle()
	r.wantTokens("acme", 5, 1)
	if n := r.Count("SELECT count(*) FROM dead_events"); n != 0 {
		t.Errorf("%d dead events, want 0", n)
	}
}
