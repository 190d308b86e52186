package httpd

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// few are the standard limits with room for 16 connections, 8 of them unheard.
func few() Limits {
	l := Standard()
	l.Connections, l.Unheard = 16, 8
	return l
}

// answered sends a request and reads its answer.
func answered(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	return resp
}

// closed waits until at least some of the connections are closed.
func closed(t *testing.T, conns []net.Conn, least int) {
	t.Helper()
	n := 0
	for deadline := time.Now().Add(waittest.Patience); time.Now().Before(deadline); {
		if n = len(conns) - open(t, conns); n >= least {
			return
		}
	}
	t.Errorf("%d of %d connections are closed, want %d", n, len(conns), least)
}

// open counts those that are open.
func open(t *testing.T, conns []net.Conn) (n int) {
	t.Helper()
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			n++
		}
	}
	return n
}

func TestIdleConnectionsMakeRoom(t *testing.T) {
	s := onSocket(t, few())
	var idle []net.Conn
	for range 16 {
		conn := s.open("")
		answered(t, conn)
		idle = append(idle, conn)
	}
	for range 4 {
		if resp := answered(t, s.open("")); resp.StatusCode != 200 {
			t.Errorf("a newcomer is answered %s", resp.Status)
		}
	}
	closed(t, idle[:4], 2) // who was idle for longest
	if n := open(t, idle[8:]); n != 8 {
		t.Errorf("%d of the 8 last that were idle are open", n)
	}
}

func TestUnfinishedHeadersMakeRoom(t *testing.T) {
	for name, begin := range map[string]func(*site) net.Conn{
		"of a first request": func(s *site) net.Conn { return s.open("GET / HTTP/1.1\r\nX-Long: x") },
		"of the next request": func(s *site) net.Conn {
			conn := s.open("")
			answered(s.T, conn)
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nX-Long: x"); err != nil {
				s.Fatal(err)
			}
			return conn
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := few()
			l.Header = time.Minute // they are not closed because they are late
			l.Connections = 1000
			s := onSocket(t, l)
			var begun []net.Conn
			for range 40 {
				begun = append(begun, begin(s))
			}
			if resp := answered(t, s.open("")); resp.StatusCode != 200 {
				t.Errorf("a newcomer is answered %s", resp.Status)
			}
			closed(t, begun[:31], 31)
			for _, conn := range begun { // whoever waits for the end of the test
				conn.Close()
			}
		})
	}
}

func TestWhereAllAreBusyANewcomerIsSentAway(t *testing.T) {
	s := onSocket(t, few())
	var busy []net.Conn
	for range 16 {
		busy = append(busy, s.open("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"))
	}
	var resp *http.Response
	// until they are known to be busy
	for deadline := time.Now().Add(waittest.Patience); resp == nil; {
		conn := s.open("")
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		var err error
		if resp, err = http.ReadResponse(bufio.NewReader(conn), nil); err != nil &&
			time.Now().After(deadline) {
			t.Fatal(err)
		}
		conn.Close()
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || err != nil {
		t.Errorf("%s, %v, %q, %v", resp.Status, resp.Header, body, err)
	}
	for _, conn := range busy {
		if _, err := io.WriteString(conn, "cde"); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil ||
			resp.StatusCode != 200 {
			t.Errorf("one that was there before: %v, %v", resp, err)
		}
	}
	if resp := answered(t, s.open("")); resp.StatusCode != 200 {
		t.Errorf("later, a newcomer is answered %s", resp.Status)
	}
}

func TestRoomForConnectionsFollowsTheMemory(t *testing.T) {
	for memory, want := range map[int64][2]int{
		144 << 20: {1152, 144}, 86 << 20: {688, 86}, 1 << 20: {256, 32}, 1 << 62: {20_000, 4096},
	} {
		if l := Standard().within(memory); l.Connections != want[0] || l.Unheard != want[1] {
			t.Errorf("%d bytes: %d connections, %d unheard, want %v", memory, l.Connections, l.Unheard, want)
		}
	}
}
