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
	// Asked first, for connections come as soon as this listens, and with 30,000 connections
	// in TIME_WAIT the answer takes 0.3 s.
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	before, err := listeners(addr)
	if err != nil {
		return nil, err
	}
	if len(before) > 1 {
		return nil, fmt.Errorf("address %s is shared by two processes already: wait until the first has ended", address)
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	}}
	config.SetMultipathTCP(false) // such a socket takes no BPF program
	l, err := open(ctx, address, config)
	if err != nil {
		return nil, err
	}
	s := &shared{l.(*net.TCPListener), before}
	return &Listener{Listener: l, leave: s.leave}, nil
}

// shared is a socket with SO_REUSEPORT.
type shared struct {
	*net.TCPListener
	before []uint64 // the others on its port when it was opened, by inode
}

// leave sends new connections to the other socket.
func (s *shared) leave() error {
	c, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var own unix.Stat_t
	if err := control(c, func(fd int) error { return unix.Fstat(fd, &own) }); err != nil {
		return err
	}
	all, err := listeners(s.Addr().(*net.TCPAddr))
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(all, func(inode uint64) bool { return inode == own.Ino })
	if len(others) == 0 {
		return nil
	}
	if len(others) > 1 {
		return fmt.Errorf("the port is shared by %d processes, which should be two", len(others)+1)
	}
	next := uint32(1) // this socket is the older, and so the first
	if slices.Contains(s.before, others[0]) {
		next = 0
	}
	program := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: next}}
	return control(c, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &unix.SockFprog{Len: 1, Filter: &program[0]})
	})
}

// listening is the state of a socket in /proc/net/tcp.
const listening = 0x0a

// listeners are the sockets that listen on an address, by inode.
func listeners(addr *net.TCPAddr) (inodes []uint64, err error) {
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
	every := len(addr.IP) == 0 || addr.IP.IsUnspecified()
	for _, line := range slices.Concat(v4, v6) {
		if line.St == listening && line.LocalPort == uint64(addr.Port) && (line.LocalAddr.Equal(addr.IP) || every && line.LocalAddr.IsUnspecified()) {
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
