package problem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/budget"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

var refusals = []struct {
	err    error
	status int
	kind   string
}{
	{commit.ErrBusy, 503, "unavailable"},
	{commit.ErrKeyTooNew, 503, "unavailable"},
	{commit.IDInUse{}, 503, "unavailable"},
	{commit.IDConflict{Indexes: []int{1}}, 409, "id-conflict"},
	{commit.KeyConflict{}, 409, "idempotency-key-conflict"},
	{commit.CounterFull{}, 422, "overflow"},
	{commit.RateLimited{RateStatus: commit.RateStatus{Reset: time.Second}}, 429, "rate-limited"},
	{commit.LargerThanBurst{Tenant: "acme"}, 413, "larger-than-burst"},
	{commit.QuotaExceeded{Tenant: meter.Tenant{Quota: 1}}, 402, "quota-exceeded"},
	{commit.QuotaHeld{}, 503, "unavailable"},
	{commit.TooManyFeatures{Indexes: []int{0}}, 422, "feature-limit"},
	{auth.ErrNotReady, 503, "unavailable"},
	{auth.ErrCrossOrigin, 403, "foreign-origin"},
	{auth.ErrUnauthorized, 401, "unauthorized"},
	{fmt.Errorf("take: %w", budget.ErrFull), 503, "unavailable"},
	{errors.New("a fault"), 500, "internal"},
	{NotFound("/x", ""), 404, "not-found"},
}

func TestEveryRefusalIsAProblem(t *testing.T) {
	for _, c := range refusals {
		p := Of(c.err)
		if p.Status != c.status || p.Type != "/problems/"+c.kind || p.Title == "" || p.Detail == "" {
			t.Errorf("%T %v: %+v", c.err, c.err, p)
		}
		if p.Status == 503 && p.RetryAfter == 0 {
			t.Errorf("%v: without Retry-After", c.err)
		}
	}
}

// TestNoRefusalIsForgotten reads the errors that package commit declares: one that Of does not know
// would be answered 500.
func TestNoRefusalIsForgotten(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../commit/refusal.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, c := range refusals {
		known[strings.TrimPrefix(fmt.Sprintf("%T", c.err), "commit.")] = true
	}
	n := 0
	for _, decl := range file.Decls {
		method, ok := decl.(*ast.FuncDecl)
		if !ok || method.Name.Name != "Error" {
			continue
		}
		n++
		if name := method.Recv.List[0].Type.(*ast.Ident).Name; !known[name] {
			t.Errorf("commit.%s is not among the refusals of this test", name)
		}
	}
	if n < 10 {
		t.Errorf("%d errors in package commit, want 10 or more", n)
	}
}

// TestTheCauseIsForTheLog asks as a client that waits and as one that has gone away.
func TestTheCauseIsForTheLog(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		err   error
		ctx   context.Context
		level string
	}{
		{errors.New("a fault"), t.Context(), "ERROR"},
		{Unavailable("not now").Because(errors.New("a fault")), t.Context(), "ERROR"},
		{Unavailable("not now").Because(errors.New("a fault")), gone, ""},
		{Unavailable("not now"), t.Context(), ""},
	} {
		var lines bytes.Buffer
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/path", nil).WithContext(c.ctx)
		Write(w, r, slog.New(slog.NewTextHandler(&lines, nil)), c.err)
		if strings.Contains(w.Body.String(), "a fault") {
			t.Errorf("%v: clients are told: %s", c.err, w.Body)
		}
		if logged := strings.Contains(lines.String(), "level="+c.level) && strings.Contains(lines.String(), "a fault"); logged != (c.level != "") {
			t.Errorf("%v: log %q", c.err, &lines)
		}
	}
}
