package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// Listener takes connections until it is closed.
type Listener struct {
	net.Listener
	leave func() error // nil: nobody else listens on the same port
}

// Leave makes the kernel give new connections to the other process that shares the port, if
// there is one. Those that are on their way still come here: go on accepting for longer than
// a handshake takes. It may be called once.
func (l *Listener) Leave() error {
	if l.leave == nil {
		return nil
	}
	if err := l.leave(); err != nil {
		return fmt.Errorf("leave new connections to the next process: %w", err)
	}
	return nil
}

// Open listens on a TCP address. The error says which one cannot be had.
func Open(ctx context.Context, address string) (*Listener, error) {
	l, err := open(ctx, address, net.ListenConfig{})
	if err != nil {
		return nil, err
	}
	return &Listener{Listener: l}, nil
}

// OpenShared listens on a TCP address that one other process of the same user may listen on
// in this way. It may be given connections at once.
func OpenShared(ctx context.Context, address string) (*Listener, error) {
	return openShared(ctx, address)
}

// Inherited is the socket that systemd has made for this process, nil if there is none. The
// variables that name it are removed from the environment, so it is returned once.
func Inherited() (*Listener, error) {
	files := activation.Files(true)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("%d sockets were handed over, a role has one", len(files))
	}
	l, err := net.FileListener(files[0]) // with a descriptor of its own
	if err != nil {
		return nil, fmt.Errorf("use the socket that was handed over: %w", err)
	}
	return &Listener{Listener: l}, nil
}

func open(ctx context.Context, address string, config net.ListenConfig) (net.Listener, error) {
	l, err := config.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("address %s is in use by another process", address)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}
