package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/web/browsertest"
)

// What is promised in seconds, measured on the whole program. Tests do not judge it, since they
// run beside others: they judge what is done for it.

// BenchmarkAKeyInForce measures from the end of `keys create`, and of `keys revoke`, to the
// answer of a running API that obeys it: 2 s are promised.
//
//	go test ./test/e2e -run '^$' -bench AKeyInForce -benchtime 10x
func BenchmarkAKeyInForce(b *testing.B) {
	s := settingsOf(stacktest.New(b)).with("AUTH", "required")
	succeed(b, s, "tenants", "add", "acme-corp")
	address := ingest(b, s)
	var created, revoked time.Duration
	for b.Loop() {
		key := createKey(b, s, "--scope", "ingest")
		began := time.Now()
		answered(b, http.StatusOK, key, "POST", address+"/events", oneEvent)
		created = max(created, time.Since(began))
		succeed(b, s, "keys", "revoke", key)
		began = time.Now()
		answered(b, http.StatusUnauthorized, key, "POST", address+"/events", oneEvent)
		revoked = max(revoked, time.Since(began))
	}
	b.ReportMetric(created.Seconds(), "longest-s/created")
	b.ReportMetric(revoked.Seconds(), "longest-s/revoked")
}

// BenchmarkAnEventIsSeen measures from the answer to POST /events to the changed row of an open
// dashboard: 2 s are promised.
//
//	go test ./test/e2e -run '^$' -bench AnEventIsSeen -benchtime 20x
func BenchmarkAnEventIsSeen(b *testing.B) {
	browser := browsertest.Start(b)
	address := launch(b, settingsOf(stacktest.New(b)), "dev", "--listen", "127.0.0.1:0").ready()
	tab := browser.Open(b, address+"/usage")
	tab.Until("the page is live", pageMode+" === 'live'")
	longest, sent := time.Duration(0), 0
	for b.Loop() {
		status, answer := request(b, "POST", address+"/events",
			strings.Replace(oneEvent, `"tokens":5`, `"tokens":1`, 1))
		if status != http.StatusOK {
			b.Fatalf("POST /events: %d %s", status, answer)
		}
		sent++
		longest = max(longest, tab.Until("the event is seen",
			fmt.Sprintf("document.querySelector('#rows .used .main')?.textContent === '%d'", sent)))
	}
	b.ReportMetric(longest.Seconds(), "longest-s/event")
}
