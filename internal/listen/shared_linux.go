package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

func openShared(ctx context.Context, address string) (*Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	}}
	config.SetMultipathTCP(false) // such a socket takes no BPF program
	l, err := open(ctx, address, config)
	if err != nil {
		return nil, err
	}
	s := &shared{TCPListener: l.(*net.TCPListener)}
	if s.before, err = s.others(); err == nil && len(s.before) > 1 {
		err = fmt.Errorf("address %s is shared by two processes already: wait until the first has ended", address)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Listener{Listener: l, leave: s.leave}, nil
}

// shared is a socket with SO_REUSEPORT.
type shared struct {
	*net.TCPListener
	before []uint64 // the others on its port when it was opened, by inode
}

// leave sends new connections to the other socket.
func (s *shared) leave() error {
	others, err := s.others()
	if err != nil || len(others) == 0 {
		return err
	}
	if len(others) > 1 {
		return fmt.Errorf("the port is shared by %d processes, which should be two", len(others)+1)
	}
	next := uint32(1) // this socket is the older, and so the first
	if slices.Contains(s.before, others[0]) {
		next = 0
	}
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: next}}
	c, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return control(c, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &unix.SockFprog{Len: 1, Filter: &program[0]})
	})
}

// listening is the state of a socket in /proc/net/tcp.
const listening = 0x0a

// others are the sockets that listen on the same address and port, by inode.
func (s *shared) others() (inodes []uint64, err error) {
	c, err := s.SyscallConn()
	if err != nil {
		return nil, err
	}
	var own unix.Stat_t
	if err := control(c, func(fd int) error { return unix.Fstat(fd, &own) }); err != nil {
		return nil, err
	}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	v4, err := fs.NetTCP()
	if err != nil {
		return nil, fmt.Errorf("look who shares the port: %w", err)
	}
	v6, err := fs.NetTCP6()
	if err != nil && !errors.Is(err, unix.ENOENT) { // no IPv6
		return nil, fmt.Errorf("look who shares the port: %w", err)
	}
	addr := s.Addr().(*net.TCPAddr)
	for _, line := range slices.Concat(v4, v6) {
		if line.St == listening && line.LocalPort == uint64(addr.Port) && line.LocalAddr.Equal(addr.IP) && line.Inode != own.Ino {
			inodes = append(inodes, line.Inode)
		}
	}
	return inodes, nil
}

// control calls set with the descriptor of a socket.
func control(c syscall.RawConn, set func(fd int) error) error {
	var err error
	if failed := c.Control(func(fd uintptr) { err = set(int(fd)) }); failed != nil {
		return failed
	}
	return err
}
