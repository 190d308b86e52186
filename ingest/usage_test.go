package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// Readers share script calls. Each must still see what was acknowledged before it asked,
// of its own tenant and of one that all write to.
func TestConcurrentReadersSeeWhatWasAcknowledgedBeforeTheyAsked(t *testing.T) {
	a := newAPI(t, stacktest.New(t))
	const clients, each = 32, 25
	var names []string
	for client := range clients {
		names = append(names, fmt.Sprintf("customer-%d", client))
	}
	a.addTenants(names...)
	var common atomic.Int64 // acknowledged for acme
	together(clients, func(client int) {
		for i := range each {
			body := fmt.Sprintf(`[%s,{"tenant":%q,"feature":"chat","tokens":1}]`, acme(1, ""), names[client])
			if r, err := a.do("POST", "/events", jsonType, strings.NewReader(body)); err != nil ||
				r.status != 200 {
				t.Errorf("%d %s, %v", r.status, r.body, err)
				return
			}
			common.Add(1)
			if got := a.total(names[client]); got != int64(i)+1 {
				t.Errorf("%s: %d tokens, %d are acknowledged", names[client], got, i+1)
			}
			before := common.Load()
			if got := a.total("acme"); got < before {
				t.Errorf("acme: %d tokens, %d were acknowledged before", got, before)
			}
		}
	})
	if got := a.total("acme"); got != clients*each {
		t.Errorf("acme: %d tokens in the end, want %d", got, clients*each)
	}
}

// Who asks while a call is under way must not get its answer: something may have been
// acknowledged since Valkey gave it.
func TestAReaderIsNotAnsweredByAnEarlierCall(t *testing.T) {
	env := stacktest.New(t)
	p, url := newProxy(t, env.ValkeyURL)
	a := newAPI(t, env, func(s *setup) { s.valkeyURL = url })
	a.counted(acme(1, "")) // loads the scripts
	a.total("acme")

	p.keepReply.Store(true)
	early := make(chan int64)
	go func() { early <- a.total("acme") }()
	<-p.held
	a.counted(acme(1, ""))
	var asked, answered sync.WaitGroup
	for range 8 {
		asked.Add(1)
		answered.Go(func() {
			ctx := httptrace.WithClientTrace(t.Context(),
				&httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
					asked.Done()
				}})
			req, err := http.NewRequestWithContext(ctx, "GET", a.url+"/usage/acme", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if r, err := a.send(req); err != nil || !strings.Contains(r.body, `"totalTokens":2,`) {
				t.Errorf("after the second event: %d %s, %v", r.status, r.body, err)
			}
		})
	}
	asked.Wait()
	close(p.release)
	if got := <-early; got != 1 {
		t.Errorf("before the second event: %d tokens, want 1", got)
	}
	answered.Wait()
}
