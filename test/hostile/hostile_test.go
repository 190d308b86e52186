package hostile

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// attack is what is sent over one connection, and the answers that must come back before the
// connection is closed: each is a status and, of a problem, its type; commas between them.
type attack struct {
	name, raw string
	want      string
	keyed     string // with a key besides, if that makes a difference
	open      string // without a credential, where anonymous does not know
	head      bool   // the first request is a HEAD
}

// tables are all attacks by subject.
var tables = sync.OnceValue(func() map[string][]attack {
	return map[string][]attack{
		"framing": framing(), "lines": lines(), "headers": headers(), "bodies": bodies(),
		"paths": paths(), "queries": queries(),
		"upgrades": upgrades(), "credentials": credentials(),
	}
})

// hostLine is in every request that has a host; with a key, the key goes behind it.
const hostLine = "Host: x\r\n"

// mark is a secret that some attacks carry, and that must not get into the log.
const mark = "SECRETmark7"

// post is a POST of a body with headers, each with its CRLF.
func post(headers, body string) string {
	return "POST /events HTTP/1.1\r\n" + hostLine + "Content-Type: application/json\r\n" + headers +
		"\r\n" + body
}

// sized is post with the length of the body.
func sized(headers, body string) string {
	return post(headers+"Content-Length: "+strconv.Itoa(len(body))+"\r\n", body)
}

// get is a GET with headers.
func get(path, headers string) string {
	return "GET " + path + " HTTP/1.1\r\n" + hostLine + headers + "\r\n"
}

// TestHostileRequests sends all attacks several times over.
func TestHostileRequests(t *testing.T) {
	total := 0
	for _, table := range tables() {
		total += len(table)
	}
	t.Logf("%d requests", total)
	if total < 120 {
		t.Errorf("there are %d requests, not 120", total)
	}
	for _, auth := range []string{"off", "required"} {
		t.Run("AUTH="+auth, func(t *testing.T) {
			t.Parallel()
			tg := start(t, auth)
			before := tg.state()
			for subject, table := range tables() {
				for _, a := range table {
					tg.try(subject, a)
				}
			}
			tg.unchanged(before)
			if tg.key != "" {
				for subject, table := range tables() {
					for _, a := range table {
						tg.tryWithoutKey(subject, a)
					}
				}
				tg.unchanged(before)
			}
			tg.flat(before)
			tg.silent()
		})
	}
}

// try sends an attack, with the key if there is one.
func (tg *target) try(subject string, a attack) {
	tg.Helper()
	raw, want := a.raw, a.want
	if tg.key != "" {
		raw = strings.ReplaceAll(raw, hostLine, hostLine+"Authorization: Bearer "+tg.key+"\r\n")
		want = cmp.Or(a.keyed, want)
	}
	tg.expect(subject, a, raw, want)
}

func (tg *target) tryWithoutKey(subject string, a attack) {
	tg.Helper()
	tg.expect(subject+" without a key", a, a.raw, cmp.Or(a.open, anonymous(a.want)))
}

func (tg *target) expect(subject string, a attack, raw, want string) {
	tg.Helper()
	text, err := exchange(tg.Addr, raw)
	if err != nil {
		tg.Errorf("%s: %s: %v after %.300q", subject, a.name, err, text)
		return
	}
	if got := outcome(text, a.head); got != want {
		tg.Errorf("%s: %s: got %s, want %s\n%.600q", subject, a.name, got, want, text)
	}
}

// anonymous are the answers to somebody without a credential: nobody learns whether a
// request was good otherwise. What is no HTTP, or no route, is the same for all.
func anonymous(want string) string {
	answers := strings.Split(want, ", ")
	for i, answer := range answers {
		_, kind, isProblem := strings.Cut(answer, " ")
		if isProblem && kind != "not-found" && kind != "method-not-allowed" || answer == "200" {
			answers[i] = "401 unauthorized"
		}
	}
	return strings.Join(answers, ", ")
}

// outcome is what an attack wants, read from what came back. Each problem must be whole and
// agree with its status.
func outcome(text string, head bool) string {
	var all []string
	for r := bufio.NewReader(strings.NewReader(text)); ; head = false {
		if _, err := r.Peek(1); err != nil {
			return strings.Join(all, ", ")
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return strings.Join(append(all, "no HTTP: "+err.Error()), ", ")
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return strings.Join(append(all, fmt.Sprintf("%d cut off: %v", resp.StatusCode, err)), ", ")
		}
		got := strconv.Itoa(resp.StatusCode)
		if resp.Header.Get("Content-Type") == "application/problem+json" {
			var p struct {
				Type, Title string
				Status      int
			}
			kind, ok := "", false
			if err := json.Unmarshal(body, &p); err == nil && p.Status == resp.StatusCode && p.Title != "" {
				kind, ok = strings.CutPrefix(p.Type, "/problems/")
			}
			if !ok && method != "HEAD" {
				kind = "with a bad problem"
			}
			got = strings.TrimSpace(got + " " + kind)
		}
		all = append(all, got)
	}
}

// flat fails the test if the heap, or the number of goroutines, grows with the attacks.
func (tg *target) flat(before state) {
	tg.Helper()
	const rounds = 2
	heap, goroutines := tg.memory()
	for range rounds {
		for _, table := range tables() {
			for _, a := range table {
				if _, err := exchange(tg.Addr, a.raw); err != nil {
					tg.Errorf("%s: %v", a.name, err)
				}
			}
		}
	}
	heapNow, goroutinesNow := tg.memory()
	// the last connections are being closed
	for until := time.Now().Add(waittest.Patience); goroutinesNow > goroutines+20 &&
		time.Now().Before(until); {
		heapNow, goroutinesNow = tg.memory()
	}
	tg.Logf("heap %.1f MiB before and %.1f MiB after %d more rounds; goroutines %.0f and %.0f",
		heap/(1<<20), heapNow/(1<<20), rounds, goroutines, goroutinesNow)
	if heapNow > heap+2<<20 || goroutinesNow > goroutines+20 {
		tg.Errorf("the heap has grown from %.0f to %.0f bytes, goroutines from %.0f to %.0f", heap,
			heapNow, goroutines, goroutinesNow)
	}
	tg.unchanged(before)
}

// memory is the live heap, after a garbage collection, and the number of goroutines.
func (tg *target) memory() (heap, goroutines float64) {
	tg.Helper()
	resp, err := http.Get("http://" + tg.Address("profiles are served") + "/debug/pprof/heap?gc=1")
	if err != nil {
		tg.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		tg.Fatal(err)
	}
	resp.Body.Close()
	_, text := tg.get("/metrics")
	return gauge(tg.T, text, "go_memstats_heap_alloc_bytes"), gauge(tg.T, text, "go_goroutines")
}

func gauge(t *testing.T, text, name string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// silent looks for secrets, and for panics, in the log.
func (tg *target) silent() {
	tg.Helper()
	logged := tg.Logged()
	if strings.Contains(logged, mark) {
		tg.Error("a secret of a request is in the log")
	}
	if tg.key != "" && strings.Contains(logged, tg.key) {
		tg.Error("the key is in the log")
	}
	tg.calm()
}

// calm looks for panics in the log.
func (tg *target) calm() {
	tg.Helper()
	logged := tg.Logged()
	for what, text := range map[string]string{"a panic": "panic", "a stack": "goroutine "} {
		if i := strings.Index(logged, text); i >= 0 {
			tg.Errorf("%s is in the log: %.300q", what, logged[max(0, i-150):])
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(logged), "\n") {
		if !json.Valid([]byte(line)) {
			tg.Errorf("a line of the log is no JSON: %.300q", line)
		}
	}
}
