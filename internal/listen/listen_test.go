package listen

import (
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// connect dials n times and returns how many of those connections l accepts.
func connect(t *testing.T, n int, l *Listener) (accepted int) {
	t.Helper()
	for range n {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	// They were in the queue before Dial returned: what is not there now will not come. Accept of
	// package net would wait for it.
	socket, err := l.Listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.Control(func(fd uintptr) {
		for ; ; accepted++ {
			c, _, err := syscall.Accept(int(fd))
			if err != nil {
				if err != syscall.EAGAIN {
					t.Error(err)
				}
				return
			}
			syscall.Close(c)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return accepted
}

func openBeside(t *testing.T, address string) *Listener {
	t.Helper()
	l, err := OpenShared(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestWhoLeavesGetsNoMoreConnections(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a port can be shared on Linux only")
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		t.Run(address, func(t *testing.T) {
			if l, err := net.Listen("tcp", address); err != nil {
				t.Skip("there is no IPv6 here")
			} else {
				l.Close()
			}
			first := openBeside(t, address)
			address := first.Addr().String()
			if got := connect(t, 20, first); got != 20 {
				t.Fatalf("alone it accepts %d of 20", got)
			}
			second := openBeside(t, address)
			if got := connect(t, 40, first); got == 40 || got == 0 {
				t.Fatalf("beside another it accepts %d of 40: nobody shares the port", got)
			}
			if _, err := OpenShared(t.Context(), address); err == nil || !strings.Contains(err.Error(), "two processes") {
				t.Errorf("a third may listen: %v", err)
			}
			for generation := range 4 { // old and new change places in the kernel's array
				if err := first.Leave(); err != nil {
					t.Fatal(err)
				}
				connect(t, 0, second) // what came before
				if got := connect(t, 40, second); got != 40 {
					t.Fatalf("generation %d: the next accepts %d of 40", generation, got)
				}
				first.Close()
				if got := connect(t, 20, second); got != 20 {
					t.Fatalf("generation %d: alone the next accepts %d of 20", generation, got)
				}
				first, second = second, openBeside(t, address)
			}
			// The newer one may be the one that goes.
			if err := second.Leave(); err != nil {
				t.Fatal(err)
			}
			connect(t, 0, first)
			if got := connect(t, 40, first); got != 40 {
				t.Errorf("when the newer one leaves, the older accepts %d of 40", got)
			}
		})
	}
}

func TestOnlyWhoSharesCanShare(t *testing.T) {
	l, err := Open(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Leave(); err != nil {
		t.Error(err)
	}
	for _, open := range []func() (*Listener, error){
		func() (*Listener, error) { return Open(t.Context(), l.Addr().String()) },
		func() (*Listener, error) { return OpenShared(t.Context(), l.Addr().String()) },
	} {
		if second, err := open(); err == nil {
			second.Close()
			t.Error("the address was had twice")
		}
	}
}
