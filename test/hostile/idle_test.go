package hostile

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// TestIdleConnections holds 10,000 connections open: one half has been answered once, the
// other was opened ahead and has said nothing yet. Meanwhile counting an event is as much work as
// before. ingest.BenchmarkBesideIdleConnections tells how long it takes.
func TestIdleConnections(t *testing.T) {
	const many = 10_000
	// Go raises the limit as far as it may, in this process and in the one it tests.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < many+500 {
		t.Skipf("only %d files may be open, which is not enough for %d connections: raise it with "+
			"ulimit -n", limit.Cur, many)
	}
	tg := start(t, "off")
	before, beforeWork := tg.resident(), tg.work()
	conns := make([]net.Conn, 0, many)
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	request := []byte("GET /healthz HTTP/1.1\r\n" + hostLine + "\r\n")
	answer := make([]byte, 4096)
	for i := range many {
		conn, err := net.Dial("tcp", tg.Addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, conn)
		if i%2 == 0 {
			continue
		}
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(answer); err != nil {
			t.Fatalf("connection %d is not answered: %v", i, err)
		}
	}
	after, work := tg.resident(), tg.work()
	each := (after - before) / many
	t.Logf("%d connections: resident memory %.1f MiB before, %.1f MiB after, %d bytes each; POST "+
		"/events made %.0f allocations and makes %.0f",
		many, float64(before)/(1<<20), float64(after)/(1<<20), each, beforeWork, work)
	if each > 32<<10 {
		t.Errorf("a connection takes %d bytes", each)
	}
	if work > 2*beforeWork+100 {
		t.Errorf("POST /events made %.0f allocations and makes %.0f", beforeWork, work)
	}
	// One that begins a header and does not end it is closed after 5 s; the others may stay for 2
	// minutes.
	stalled := conns[many-4]
	if err := stalled.SetReadDeadline(time.Now().Add(waittest.Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := stalled.Write(request[:5]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stalled); err != nil {
		t.Errorf("a connection that stalls ends with %v", err)
	}
	for name, conn := range map[string]net.Conn{"silent": conns[many-2], "answered": conns[many-1]} {
		if _, err := conn.Write(request); err != nil {
			t.Error(err)
		}
		if n, err := conn.Read(answer); err != nil || n == 0 {
			t.Errorf("a connection that was %s is of no use any more: %v", name, err)
		}
	}
}

var rss = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident is the memory that the process takes of the machine, in bytes.
func (tg *target) resident() int {
	tg.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tg.PID))
	if os.IsNotExist(err) {
		tg.Skip("this system does not tell what memory a process takes")
	}
	m := rss.FindSubmatch(status)
	if err != nil || m == nil {
		tg.Fatalf("read the memory of the process: %v", err)
	}
	kB, err := strconv.Atoi(string(m[1]))
	if err != nil {
		tg.Fatal(err)
	}
	return kB << 10
}

// work is how many allocations the process makes for a POST, on average of 200.
func (tg *target) work() float64 {
	tg.Helper()
	const posts = 200
	made := func() float64 {
		_, text := tg.get("/metrics")
		return gauge(tg.T, text, "go_memstats_mallocs_total")
	}
	before := made()
	for range posts {
		tg.count(event)
	}
	return (made() - before) / posts
}
