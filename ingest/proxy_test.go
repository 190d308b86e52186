package ingest

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between a server and Valkey and can harm the connection at the worst
// moments. Of what it forwards it knows only whether it calls a script: it leaves the
// greetings of a new connection alone.
type proxy struct {
	listener net.Listener
	target   string

	cutReplies atomic.Int64 // so many replies of scripts are thrown away, with their connection
	lost       atomic.Int64 // replies that were
	holdNext   atomic.Bool  // the next call is kept back until release
	keepReply  atomic.Bool  // the next reply of a script is kept back until release
	held       chan struct{}
	release    chan struct{}
	arrived    chan struct{} // closed when the call that was held has been answered

	mu    sync.Mutex
	conns []net.Conn
}

// newProxy returns a proxy before the Valkey at valkeyURL, and the URL that leads through it.
func newProxy(tb testing.TB, valkeyURL string) (*proxy, string) {
	tb.Helper()
	u, err := url.Parse(valkeyURL)
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{listener: listener, target: u.Host, held: make(chan struct{}), release: make(chan struct{}), arrived: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.serve(conn) })
		}
	})
	tb.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		running.Wait()
	})
	u.Host = listener.Addr().String()
	return p, u.String()
}

func (p *proxy) serve(server net.Conn) {
	defer server.Close()
	valkey, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer valkey.Close()
	p.mu.Lock()
	p.conns = append(p.conns, server, valkey)
	p.mu.Unlock()

	var calling atomic.Bool // this connection's last message calls a script
	var holding atomic.Bool // and was held
	go func() {
		defer valkey.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			calling.Store(bytes.Contains(buf[:n], []byte("evalsha")))
			if calling.Load() && p.holdNext.CompareAndSwap(true, false) {
				holding.Store(true)
				close(p.held)
				<-p.release // even if the server has hung up: the bytes are on their way
			}
			if _, writeErr := valkey.Write(buf[:n]); err != nil || writeErr != nil {
				if holding.Load() {
					<-p.arrived // let Valkey answer before the connection goes
				}
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := valkey.Read(buf)
		if n > 0 && holding.Load() {
			close(p.arrived)
			return
		}
		if n > 0 && calling.Load() && p.cutReplies.Load() > 0 {
			p.cutReplies.Add(-1)
			p.lost.Add(1)
			return
		}
		if n > 0 && calling.Load() && p.keepReply.CompareAndSwap(true, false) {
			close(p.held)
			<-p.release
		}
		if _, writeErr := server.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}
