package notify

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestIsPublic(t *testing.T) {
	tests := []struct {
		addr string
		want bool
	}{
		{"8.8.8.8", true},
		{"172.15.255.255", true},
		{"172.32.0.0", true},
		{"100.63.255.255", true},
		{"100.128.0.0", true},
		{"2606:4700:4700::1111", true},
		{"::ffff:8.8.8.8", true}, // IPv4-mapped: dialed as 8.8.8.8

		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"10.0.0.1", false},
		{"100.64.0.1", false},
		{"100.100.100.200", false}, // Alibaba metadata
		{"127.0.0.1", false},
		{"127.255.255.254", false},
		{"168.63.129.16", false},   // Azure host agent
		{"169.254.169.254", false}, // metadata
		{"172.16.0.1", false},
		{"172.31.255.255", false},
		{"192.0.0.192", false}, // Oracle metadata
		{"192.0.2.1", false},
		{"192.88.99.1", false},
		{"192.168.1.1", false},
		{"198.18.0.1", false},
		{"198.19.255.255", false},
		{"198.51.100.1", false},
		{"203.0.113.1", false},
		{"224.0.0.1", false},
		{"240.0.0.1", false},
		{"255.255.255.255", false},
		{"::", false},
		{"::1", false},
		{"::127.0.0.1", false}, // IPv4-compatible
		{"::ffff:127.0.0.1", false},
		{"::ffff:169.254.169.254", false},
		{"64:ff9b::7f00:1", false},   // NAT64 of 127.0.0.1
		{"64:ff9b:1::a00:1", false},  // local NAT64
		{"100::1", false},            // discard
		{"2001::1", false},           // Teredo
		{"2001:db8::1", false},       // documentation
		{"2002:7f00:1::", false},     // 6to4 of 127.0.0.1
		{"3fff::1", false},           // documentation
		{"5f00::1", false},           // segment routing
		{"fc00::1", false},           // unique local
		{"fd00:ec2::254", false},     // AWS metadata
		{"fe80::1", false},           // link-local
		{"fe80::1%eth0", false},      // with a zone
		{"2606:4700::1%eth0", false}, // a zone means a local link
		{"fec0::1", false},           // site-local
		{"ff02::1", false},           // multicast
	}
	for _, tt := range tests {
		if got := isPublic(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("isPublic(%s) = %v, want %v", tt.addr, got, tt.want)
		}
	}
	if isPublic(netip.Addr{}) {
		t.Error("the zero address is public")
	}
}

// A service that listens on the machine's public address, but is meant for the machine alone, is
// out of reach of people who may edit webhooks.
func TestTheMachinesOwnAddressesAreRefused(t *testing.T) {
	// Which addresses are the machine's is asked of the machine.
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range interfaces {
		own, err := netip.ParsePrefix(of.String())
		if err != nil || own.Addr().Is6() && own.Addr().IsLinkLocalUnicast() { // needs a zone
			continue
		}
		if !isOwn(netip.AddrPortFrom(own.Addr(), 443)) {
			t.Errorf("%s is not known for the machine's", own)
		}
	}
	for _, other := range []string{"8.8.8.8:443", "[2606:4700:4700::1111]:443"} {
		if isOwn(netip.MustParseAddrPort(other)) {
			t.Errorf("%s is taken for the machine's", other)
		}
	}
	// As if two of them were public.
	refuse := refuseInside(func(ap netip.AddrPort) bool {
		return ap.Addr() == netip.MustParseAddr("8.8.4.4") ||
			ap.Addr() == netip.MustParseAddr("2606:4700:4700::1001")
	})
	for address, want := range map[string]error{
		"8.8.4.4:443":                 errOwn,
		"[2606:4700:4700::1001]:9100": errOwn,
		"8.8.8.8:443":                 nil,
		"127.0.0.1:443":               errNotPublic,
		"[fe80::1]:443":               errNotPublic,
		"nonsense":                    errNotPublic,
	} {
		if err := refuse("tcp", address, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
	s := NewSender(false, nil)
	if s.dialer.Control == nil || NewSender(true, nil).dialer.Control != nil {
		t.Error("WEBHOOK_ALLOW_PRIVATE is not what allows them")
	}
	s.dialer.Control = refuse
	got := s.dial(t.Context(), "https://8.8.4.4/hook")
	if got.Retry || !strings.Contains(got.Reason, "one of this machine") {
		t.Errorf("%+v", got)
	}
}
