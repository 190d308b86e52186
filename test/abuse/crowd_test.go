package abuse

import (
	"io"
	"net"
	"syscall"
	"time"
)

// crowd is many raw connections to one address, until the test is over.
type crowd struct {
	d     *deployment
	addr  string
	conns []net.Conn
}

// crowd returns one without connections. It needs as many open files.
func (d *deployment) crowd(addr string, most int) *crowd {
	d.Helper()
	var limit syscall.Rlimit // Go raises it as far as it may, here and in the process attacked
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		d.Fatal(err)
	}
	if limit.Cur < uint64(most)+500 {
		d.Skipf("only %d files may be open, which is not enough for %d connections: raise it with "+
			"ulimit -n", limit.Cur, most)
	}
	c := &crowd{d: d, addr: addr}
	d.Cleanup(func() {
		for _, conn := range c.conns {
			conn.Close()
		}
	})
	return c
}

// dial opens one more connection and sends text. A server that has had enough may close it.
func (c *crowd) dial(text string) net.Conn {
	conn, err := net.DialTimeout("tcp", c.addr, patience)
	if err != nil {
		c.d.Fatal(err)
	}
	c.conns = append(c.conns, conn)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		c.d.Fatal(err)
	}
	_, _ = io.WriteString(conn, text)
	return conn
}

// small shrinks the buffers of a connection's own side, so that little is on the way of
// an answer that nobody reads.
func small(conn net.Conn) { _ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) }

// open counts the connections that the server has not closed.
func (c *crowd) open() (n int) {
	for _, conn := range c.conns {
		if err := conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			continue
		}
		var one [1]byte
		if _, err := conn.Read(one[:]); err == nil || isTimeout(err) {
			n++
		}
	}
	return n
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
