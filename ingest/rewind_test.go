package ingest

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// A committer notices by itself that Valkey has forgotten a group it had confirmed. From
// then on no ingest accepts anything, until a flusher has recovered.
func TestALossOfWritesIsAnsweredWith503(t *testing.T) {
	env := stacktest.New(t)
	a := newAPI(t, env)
	other := startAPI(t, env)
	a.counted(acme(1, `,"id":"e1"`))
	if err := env.Valkey.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for _, a := range []*api{a, other, a} {
		p := a.refused(a.post(jsonType, acme(2, `,"id":"e2"`)), 503, "unavailable")
		if !strings.Contains(p.Detail, "same ids") {
			t.Errorf("detail %q does not say what to do", p.Detail)
		}
	}
	if r := a.get("/usage/acme"); r.status != 200 || !strings.Contains(r.body, `"stale":true`) {
		t.Errorf("usage: %d %s, want it stale", r.status, r.body)
	}
	if r := a.get("/tenants"); r.status != 200 || !strings.Contains(r.body, `"stale":true`) {
		t.Errorf("tenants: %d %s, want them stale", r.status, r.body)
	}

	loss, ok, err := a.valkey.SealAll(t.Context(), 0)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := a.valkey.Resume(t.Context(), 0, loss.ID, ledger.Epoch); err != nil {
		t.Fatal(err)
	}
	if p := a.counted(acme(2, `,"id":"e2"`)); !p.Usage[0].Stale {
		t.Error("usage by a view from before the recovery is not stale")
	}
	if err := a.live.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := a.counted(acme(3, "")); p.Usage[0].Stale || p.Usage[0].TotalTokens != 5 {
		t.Errorf("usage after a refresh: %+v, want 5 tokens", p.Usage)
	}
	other.counted(acme(4, "")) // it had confirmed nothing, and is not surprised
}
