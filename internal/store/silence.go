package store

import (
	"context"
	"fmt"
	"net"
	"time"
)

// dialer makes connections that fail when Postgres says nothing for limit although
// an answer is awaited. The driver itself waits forever: when a context ends it asks the
// server to cancel, which a frozen or vanished server never answers. 0 is no limit.
type dialer struct {
	net.Dialer
	limit time.Duration
}

// Dial and DialTimeout are what the driver's older interface asks for.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext is what the driver uses.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil || d.limit == 0 {
		return conn, err
	}
	return &deadlineConn{conn, d.limit}, nil
}

// deadlineConn bounds each read and write.
type deadlineConn struct {
	net.Conn
	limit time.Duration
}

func (c *deadlineConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, fmt.Errorf("bound a read: %w", err)
	}
	return c.Conn.Read(b)
}

func (c *deadlineConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, fmt.Errorf("bound a write: %w", err)
	}
	return c.Conn.Write(b)
}
