package grafana

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/jmoiron/sqlx"
)

// The tenants of the load. The messages of the last three go to webhooks that take them, refuse
// them, or do not answer.
var loaded = []string{"acme-corp", "globex", "it's quoted", "told", "refused", "unanswered"}

var features = []string{"gpt-4-turbo", "embeddings", "whisper"}

// addTenants fills the tables. Webhooks are servers of their own, since a breaker is for a host.
func addTenants(t *testing.T, db *sqlx.DB) {
	t.Helper()
	for _, name := range loaded {
		execute(t, db, "INSERT INTO tenants (name) VALUES ($1)", name)
	}
	for name, answer := range map[string]http.HandlerFunc{
		"told":       func(http.ResponseWriter, *http.Request) {},
		"refused":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no_service", http.StatusBadRequest) },
		"unanswered": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		slack := httptest.NewServer(answer)
		t.Cleanup(slack.Close)
		execute(t, db, "INSERT INTO slack_webhooks (tenant, url) VALUES ($1, $2)", name, slack.URL+"/services/T/B/X")
	}
}

func execute(t *testing.T, db *sqlx.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// load asks the API in all ways, at some 200 requests a second.
type load struct {
	t      *testing.T
	url    string
	end    context.CancelFunc
	done   sync.WaitGroup
	client *http.Client
}

func startLoad(t *testing.T, url string) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{t: t, url: url, end: cancel, client: &http.Client{Timeout: 10 * time.Second}}
	t.Cleanup(l.stop)
	for worker := range 4 {
		l.every(ctx, 25*time.Millisecond, func(i int) { l.post(ctx, event(worker, i)) })
	}
	l.every(ctx, 500*time.Millisecond, func(i int) {
		events := make([]string, 100)
		for j := range events {
			events[j] = event(5, 100*i+j)
		}
		l.post(ctx, "["+strings.Join(events, ",")+"]")
	})
	l.every(ctx, 500*time.Millisecond, func(int) {
		l.post(ctx, `{"tenant":"acme-corp","feature":"f","tokens":-1}`)
		l.post(ctx, `{"tenant":"nobody","feature":"f","tokens":1}`)
		for _, path := range []string{"/usage/acme-corp", "/tenants", "/usage", "/alerts", "/usage/globex/series", "/readyz"} {
			l.request(ctx, "GET", path, "")
		}
	})
	l.done.Go(func() { l.follow(ctx) })
	return l
}

// event is one of many. Every tenth of a worker has the id of the one before.
func event(worker, i int) string {
	id := i
	if i%10 == 9 {
		id--
	}
	i = id
	return fmt.Sprintf(`{"id":"%d-%d","tenant":%q,"feature":%q,"tokens":%d}`, worker, id, loaded[i%len(loaded)], features[i%len(features)], 100+i%900)
}

// every calls do with 0, 1, 2 and so on until ctx is done.
func (l *load) every(ctx context.Context, d time.Duration, do func(i int)) {
	l.done.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				do(i)
			}
		}
	})
}

func (l *load) post(ctx context.Context, body string) { l.request(ctx, "POST", "/events", body) }

// request is made and its answer dropped: what came of it the metrics tell.
func (l *load) request(ctx context.Context, method, path, body string) {
	req, err := http.NewRequestWithContext(ctx, method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	resp, err := l.client.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// follow is one dashboard that somebody looks at.
func (l *load) follow(ctx context.Context) {
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(l.url, "http")+"/live", nil)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
}

// stop ends the load and waits for the requests in hand.
func (l *load) stop() {
	l.end()
	l.done.Wait()
}
