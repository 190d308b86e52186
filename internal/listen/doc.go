// Package listen opens the socket on which a role takes connections, in a way that lets the
// next version of the program take over without losing one.
//
// A kernel answers the handshake of a connection before the process knows of it: it waits in
// the queue of the listening socket until it is accepted. Closing that socket resets what
// waits there. So whoever ends must either be sure that the queue is empty and stays so, or
// must not be the last who holds the socket:
//
//   - Behind a proxy the old process serves on an address of its own. The proxy sends it
//     nothing once /readyz has answered 503, see package httpd.
//   - A socket that systemd made and hands over (sd_listen_fds(3)) outlives every process.
//     What arrives while none runs waits in its queue for the next one.
//   - With SO_REUSEPORT old and new have a socket each on the same port, and the kernel deals
//     new connections out among them, by a hash of their addresses. [Listener.Leave] tells it
//     to give them all to the other socket, long before this one is closed.
//
// # Why nothing is lost with SO_REUSEPORT
//
// Leave attaches a classic BPF program (SO_ATTACH_REUSEPORT_CBPF) that names the other
// socket by its place in the kernel's array. From then on every SYN goes there. A handshake
// that had begun on this socket ends in its queue within a round trip, and the process goes
// on accepting for its drain time. When it closes the socket, the queue has been empty for
// long. The program stays behind and does no harm: once this socket is gone it names a place
// that does not exist, and the kernel falls back to its hash, which has one socket to
// choose. The next process takes that place, and gets all connections as soon as it listens:
// so it must be ready before it does.
//
// The array begins with whoever came first, and its last socket moves to the place of one
// that is closed. With two sockets the older is therefore always the first; with more that
// would depend on the past, so a third process is refused until the first has gone.
//
// Linux can also move the queue of a closed socket to another one (sysctl
// net.ipv4.tcp_migrate_req, since 5.14). It does not by default, and in a container it may
// not be set, so nothing here relies on it. A process that is killed does lose its queue
// without it.
package listen
