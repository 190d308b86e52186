package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A key's limit holds beside its tenant's, for all its tenants together.
func TestAKeyHasARateLimitOfItsOwn(t *testing.T) {
	a := guarded(t)
	admin := a.as(a.newKey("admin", ""))
	_, limited := admin.createKey(`{"scope":"ingest","rateLimit":1,"rateBurst":100}`)
	_, other := admin.createKey(`{"scope":"ingest","rateLimit":5}`)
	if *limited.RateLimit != 1 || *limited.RateBurst != 100 || *other.RateBurst != 5 {
		t.Fatalf("%+v, %+v", limited, other)
	}
	a.set("free", "rate_limit = 1, rate_burst = 80")
	a.look()
	b := a.as(limited.Key)
	began := time.Now()
	r := b.post(jsonType, batchOf("acme", 30))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	b.rateHeaders(r, `"key";q=100;qu="events";w=100`, `"key";r=70;t=30`)
	r = b.post(jsonType, batchOf("free", 70))
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var room int
	got, drained := r.header.Get("Ratelimit"), int(time.Since(began).Seconds())
	if _, err := fmt.Sscanf(got, `"tenant";r=10;t=70, "key";r=%d;t=`, &room); err != nil || room > drained {
		t.Errorf("RateLimit: %s, the key's bucket is full but for the %d s since", got, drained)
	}
	p := b.refused(b.post(jsonType, batchOf("acme", 100)), 429, "rate-limited")
	if !strings.HasPrefix(p.Detail, "this API key may send 1 events a second") {
		t.Errorf("%s", p.Detail)
	}
	_, small := admin.createKey(`{"scope":"ingest","rateLimit":1,"rateBurst":100}`)
	a.look()
	a.as(small.Key).refused(a.as(small.Key).post(jsonType, batchOf("acme", 101)), 413, "larger-than-burst")
	a.as(other.Key).counted(batchOf("acme", 5)) // has a bucket of its own
	a.as(a.newKey("ingest", "")).counted(batchOf("acme", 100))

	// An operator's edit is in force with the next look.
	if _, err := a.env.DB.ExecContext(t.Context(), "UPDATE api_keys SET rate_limit = NULL, rate_burst = NULL WHERE id = $1", limited.ID); err != nil {
		t.Fatal(err)
	}
	a.look()
	b.counted(batchOf("acme", 100))
}

func TestAKeyNeedsALimitThatCanBe(t *testing.T) {
	a := guarded(t)
	admin := a.as(a.newKey("admin", ""))
	for _, c := range []struct{ members, field string }{
		{`"rateLimit":0`, "rateLimit"}, {`"rateLimit":1000001`, "rateLimit"}, {`"rateBurst":5`, "rateLimit"},
		{`"rateLimit":5,"rateBurst":0`, "rateBurst"}, {`"rateLimit":5,"rateBurst":1000000001`, "rateBurst"},
	} {
		r, _ := admin.createKey(fmt.Sprintf(`{"scope":"ingest",%s}`, c.members))
		if p := admin.refused(r, 400, "invalid-key"); len(p.Errors) != 1 || p.Errors[0].Field != c.field {
			t.Errorf("%s: %s", c.members, r.body)
		}
	}
}
