package notify

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

var (
	// errNotPublic refuses a connection to an address that is not on the public internet.
	errNotPublic = errors.New("address is not public")
	// errOwn refuses a connection to a public address of this machine: services there may trust
	// local callers.
	errOwn = errors.New("address is one of this machine")
)

// refused4 are the IPv4 networks that are not globally reachable, after the IANA
// IPv4 Special-Purpose Address Registry, and two that are reachable but dangerous.
var refused4 = prefixes(
	"0.0.0.0/8",        // this host
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // carrier-grade NAT; Alibaba's metadata service
	"127.0.0.0/8",      // loopback
	"168.63.129.16/32", // Azure's host agent, on an otherwise public address
	"169.254.0.0/16",   // link-local; the metadata service of most clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments; Oracle's metadata service
	"192.0.2.0/24",     // documentation
	"192.88.99.0/24",   // 6to4 relays, deprecated
	"192.168.0.0/16",   // private
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, broadcast
)

// global6 is the only part of IPv6 that IANA assigns as global unicast. Outside it are ::, ::1,
// IPv4-compatible, NAT64 (64:ff9b::/96), unique local, link-local and multicast addresses.
var global6 = netip.MustParsePrefix("2000::/3")

// refused6 are the networks inside global6 that are not globally reachable, or that embed an IPv4
// address of the sender's choice.
var refused6 = prefixes(
	"2001::/23",     // protocol assignments; Teredo, which holds an IPv4 address
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4, which holds an IPv4 address
	"3fff::/20",     // documentation
)

// isPublic reports whether the address is on the public internet. It judges an IPv4-mapped IPv6
// address as the IPv4 address inside it.
func isPublic(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	in := func(p netip.Prefix) bool { return p.Contains(addr) }
	if addr.Is4() {
		return !slices.ContainsFunc(refused4, in)
	}
	return global6.Contains(addr) && !slices.ContainsFunc(refused6, in)
}

// isOwn reports whether the address belongs to this machine: if so, the kernel uses it as the
// source of packets to it. This way nothing is sent, and no permission to list interfaces is
// needed. isOwn does not detect an address that a gateway translates to this machine's, as clouds
// do.
func isOwn(addr netip.AddrPort) bool {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil { // no route to it, so none for the message
		return false
	}
	defer conn.Close()
	from, ok := conn.LocalAddr().(*net.UDPAddr)
	return ok && from.AddrPort().Addr().Unmap() == addr.Addr().Unmap()
}

// refuseInside returns the Control function of a net.Dialer. It sees the resolved address right
// before the connection is made, so a host name cannot resolve to something else afterwards.
func refuseInside(own func(netip.AddrPort) bool) func(_, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("parse resolved address: %w", errNotPublic)
		}
		if !isPublic(ap.Addr()) {
			return errNotPublic
		}
		if own(ap) {
			return errOwn
		}
		return nil
	}
}

func prefixes(cidrs ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(cidrs))
	for i, cidr := range cidrs {
		list[i] = netip.MustParsePrefix(cidr)
	}
	return list
}
