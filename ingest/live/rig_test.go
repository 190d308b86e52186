package live

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/eduardosanzb/flagmeter/ingest/account"
	"github.com/eduardosanzb/flagmeter/ingest/param"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/ingest/query"
	"github.com/eduardosanzb/flagmeter/test/kit/backendtest"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// rig is feeds on real stores, with the tenant acme, behind an HTTP server.
type rig struct {
	*Feeds
	t   *testing.T
	url string
}

func newRig(t *testing.T) rig {
	t.Helper()
	env := stacktest.New(t)
	env.DB.MustExecContext(t.Context(), "INSERT INTO tenants (name) VALUES ('acme')")
	b := backendtest.New(t, env, time.Now)
	guard := account.NewGuard(account.Settings{}, b.Tenants, nil)
	f := New(b, guard, &query.Snapshotter{},
		Settings{Connections: 2 * maxClients, Every: 20 * time.Millisecond}, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.Open(w, r, nil); err != nil {
			problem.Write(w, r, b.Log, err)
		}
	}))
	t.Cleanup(func() {
		f.End()
		f.Wait()
		server.Close()
	})
	return rig{f, t, server.URL}
}

// dial asks for /live and returns the status, and the connection if that is 101.
func (r rig) dial(query string) (int, *websocket.Conn) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), waittest.Patience)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, r.url+"/live"+query, nil)
	if resp == nil {
		r.t.Fatal(err)
	}
	if err == nil {
		conn.SetReadLimit(-1)
		r.t.Cleanup(func() { _ = conn.CloseNow() })
	}
	return resp.StatusCode, conn
}

// listOf asks for the list of tenants whose names contain a text.
func listOf(t *testing.T, text string) question {
	t.Helper()
	q := param.Parse(httptest.NewRequest("GET", "/live?q="+url.QueryEscape(text), nil), "q")
	list := query.ParseList(q, "")
	if err := q.Err(); err != nil {
		t.Fatal(err)
	}
	return question{list: list}
}
