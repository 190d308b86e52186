package hostile

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	fuzzFor = flag.Duration("for", 0,
		"how long TestFuzz sends mutations; 0: only what they are made from")
	fuzzSeed = flag.Int64("seed", 0, "fixes the mutations; 0: a random one, which is printed")
)

// good are honest requests, which are counted.
func good() []string {
	lines := strings.Replace(sized("", event+"\n"+strings.Replace(event, "chat", "search", 1)+"\n"),
		"application/json", "application/x-ndjson", 1)
	return []string{
		sized("", event), sized("", "["+event+","+event+"]"), lines, sized(gzipped, packed(event)),
		post("Transfer-Encoding: chunked\r\n", chunks(event)),
		sized("Idempotency-Key: k1\r\n", event), sized("", strings.Replace(event, "}", `,"id":"e2"}`, 1)),
		get("/usage/acme", "If-None-Match: W/\"x\"\r\n"), get("/usage/a%2Fb", ""),
		get("/tenants?q=a&limit=10&sort=name", ""), get("/usage/acme/series?step=day", ""),
		get("/tenants.csv", ""), get("/alerts?limit=5", ""), get("/usage", "Accept-Encoding: gzip\r\n"),
		get("/readyz", ""), get("/metrics", ""), get("/session", "Cookie: flagmeter=x\r\n"),
	}
}

// corpus is what mutations are made from: good requests and all attacks that are not long.
func corpus() []string {
	all := good()
	for _, table := range tables() {
		for _, a := range table {
			if len(a.raw) < 8<<10 {
				all = append(all, a.raw)
			}
		}
	}
	return all
}

// words are put into requests.
var words = []string{"\r\n", "\n", "\r", "\r\n\r\n", "\x00", "\xff", " ", "\t", ":", ",", ";", "%",
	"%00", "%2F", "../", "//", "?", "#", "*", "\"", "\\", "{", "}", "[", "]",
	"0", "-1", "9223372036854775807", "9223372036854775808", "1e400", "null", "\\u0000", "\\ud800",
	"Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n",
	"Content-Encoding: gzip\r\n", "Expect: 100-continue\r\n", "Connection: close\r\n",
	"Upgrade: websocket\r\n", "Host: y\r\n", "Authorization: Bearer x\r\n",
	"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "/events", "/tenants", "/usage/acme", "/live",
	"/keys", " HTTP/1.0", " HTTP/1.1", "acme", "tokens", "tenant", event}

// mutate changes a request in one to four places.
func mutate(r *rand.Rand, honest, corpus []string) string {
	text := honest[r.IntN(len(honest))]
	if r.IntN(2) == 0 {
		text = corpus[r.IntN(len(corpus))]
	}
	for range 1 + r.IntN(4) {
		at := r.IntN(len(text) + 1)
		end := min(len(text), at+r.IntN(16))
		switch r.IntN(7) {
		case 0: // another byte
			if at < len(text) {
				text = text[:at] + string([]byte{byte(r.IntN(256))}) + text[at+1:]
			}
		case 1: // some less
			text = text[:at] + text[end:]
		case 2: // some twice
			text = text[:end] + text[at:]
		case 3, 4:
			text = text[:at] + words[r.IntN(len(words))] + text[at:]
		case 5: // the end of another
			other := corpus[r.IntN(len(corpus))]
			text = text[:at] + other[r.IntN(len(other)+1):]
		case 6: // another behind it
			text += corpus[r.IntN(len(corpus))]
		}
	}
	return text
}

var (
	statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d{3}) [A-Z]`)
	accepted   = regexp.MustCompile(`\r\n\r\n\{"accepted":(\d+),`)
)

// account is what the answers to a fuzzer say.
type account struct {
	requests, answers atomic.Int64
	events            atomic.Int64 // acknowledged
	unknown           atomic.Int64 // connections that stayed open, or posts that may have got 503
}

// send sends a request and reads its answers.
func (a *account) send(tg *target, raw string) {
	text, err := exchange(tg.Addr, raw)
	a.requests.Add(1)
	if err != nil {
		a.unknown.Add(1)
		tg.Errorf("%v\n%q", err, raw)
	}
	for _, m := range statusLine.FindAllStringSubmatch(text, -1) {
		a.answers.Add(1)
		switch status := m[1]; {
		case status == "503" && strings.Contains(raw, "POST"):
			a.unknown.Add(1)
		case status == "503": // whoever has sent all looks like somebody who has gone away
		case status[0] == '5' && status != "501" && status != "505": // no HTTP that it speaks
			tg.Errorf("the answer to %q is %.600q", raw, text)
		}
	}
	for _, m := range accepted.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.ParseInt(m[1], 10, 64) // digits
		a.events.Add(n)
	}
}

// TestFuzz sends the corpus and then mutations of it. No answer may be a 500, the process
// goes on and logs no panic, and Valkey holds as many events as were acknowledged.
func TestFuzz(t *testing.T) {
	seed := uint64(*fuzzSeed)
	if seed == 0 {
		seed = 1 + rand.Uint64N(1_000_000)
	}
	tg := start(t, "off")
	had := tg.stored()
	var a account
	honest, all := good(), corpus()
	for _, raw := range all {
		a.send(tg, raw)
	}
	if *fuzzFor > 0 {
		t.Logf("seed %d", seed)
		var running sync.WaitGroup
		until := time.Now().Add(*fuzzFor)
		for worker := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, worker))
			running.Go(func() {
				for time.Now().Before(until) && !t.Failed() {
					a.send(tg, mutate(random, honest, all))
				}
			})
		}
		running.Wait()
	}
	if status, answer := tg.get("/readyz"); status != 200 {
		t.Errorf("GET /readyz: %d %s", status, answer)
	}
	stored, acknowledged, unknown := tg.stored()-had, a.events.Load(), a.unknown.Load()
	t.Logf("%d connections, %d answers, %d events acknowledged, %d stored, %d outcomes unknown",
		a.requests.Load(), a.answers.Load(), acknowledged, stored, unknown)
	if acknowledged == 0 {
		t.Error("no event was acknowledged: the requests do not reach the committer")
	}
	if stored < acknowledged || stored > acknowledged && unknown == 0 {
		t.Errorf("%d events were acknowledged and %d are stored", acknowledged, stored)
	}
	tg.calm() // a mutation may turn what was a secret into a path, which is logged
}

// stored is the number of events that Valkey holds. Nobody flushes them.
func (tg *target) stored() (events int64) {
	tg.Helper()
	keys, err := tg.env.Valkey.Keys(tg.Context(), "fm:{0}:raw*").Result()
	if err != nil {
		tg.Fatal(err)
	}
	for _, key := range keys {
		if kind, err := tg.env.Valkey.Type(tg.Context(), key).Result(); err != nil || kind != "list" {
			continue // its size in bytes
		}
		groups, err := tg.env.Valkey.LRange(tg.Context(), key, 0, -1).Result()
		if err != nil {
			tg.Fatal(fmt.Errorf("read %s: %w", key, err))
		}
		for _, group := range groups {
			events += int64(strings.Count(group, "\n")) + 1
		}
	}
	return events
}
