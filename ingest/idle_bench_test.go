package ingest

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// BenchmarkBesideIdleConnections is POST /events while so many other connections have been answered
// once and say nothing more. Each takes two files of this process, which has both ends:
//
//	go test ./ingest -run '^$' -bench BesideIdleConnections
func BenchmarkBesideIdleConnections(b *testing.B) {
	for _, idle := range []int{0, 5000} {
		b.Run(fmt.Sprintf("idle=%d", idle), func(b *testing.B) {
			a := newAPI(b, stacktest.New(b))
			answer := make([]byte, 4096)
			for i := range idle {
				conn, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
				if err != nil {
					b.Fatalf("connection %d: %v", i, err)
				}
				b.Cleanup(func() { conn.Close() })
				if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					b.Fatal(err)
				}
				if _, err := conn.Read(answer); err != nil {
					b.Fatalf("connection %d is not answered: %v", i, err)
				}
			}
			for b.Loop() {
				a.counted(acme(1, ""))
			}
		})
	}
}
