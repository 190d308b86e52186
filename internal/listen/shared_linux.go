package listen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

func openShared(ctx context.Context, address string) (*Listener, error) {
	// Asked first: connections come as soon as this listens, and the kernel's list has a line for
	// each connection in TIME_WAIT.
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

// listeners are the sockets that listen on an address, by inode.
func listeners(addr *net.TCPAddr) (inodes []uint64, err error) {
	for _, path := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && path == "/proc/self/net/tcp6" {
			continue // no IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("look who shares the port: %w", err)
		}
		for line := range strings.Lines(string(content)) {
			if !strings.Contains(line, " 0A ") { // not listening: one of the many
				continue
			}
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" || !isLocal(fields[1], addr) {
				continue
			}
			inode, err := strconv.ParseUint(fields[9], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("look who shares the port: %w", err)
			}
			inodes = append(inodes, inode)
		}
	}
	return inodes, nil
}

// isLocal reports whether text is an address as the kernel writes it: 32 bits after 32 bits in
// the machine's own order, a colon and the port, all in hex.
func isLocal(text string, addr *net.TCPAddr) bool {
	host, port, _ := strings.Cut(text, ":")
	if port != fmt.Sprintf("%04X", addr.Port) {
		return false
	}
	ip := addr.IP
	if len(ip) == 0 || ip.IsUnspecified() {
		return strings.Trim(host, "0") == ""
	}
	if v4 := ip.To4(); v4 != nil {
		ip = v4
	}
	var want strings.Builder
	for ; len(ip) >= 4; ip = ip[4:] {
		fmt.Fprintf(&want, "%08X", binary.NativeEndian.Uint32(ip))
	}
	return host == want.String()
}

// control calls set with the descriptor of a socket.
func control(c syscall.RawConn, set func(fd int) error) error {
	var err error
	if failed := c.Control(func(fd uintptr) { err = set(int(fd)) }); failed != nil {
		return failed
	}
	return err
}
