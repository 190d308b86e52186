package ingest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// work is what one call of a script has had Valkey do: how many commands, and how many values it
// and they had.
type work struct {
	hash             string // of the script
	commands, values int
}

// workOf is the work of each call of a script that Valkey answers while run runs, as MONITOR shows
// it: so it does not depend on how busy the machine is.
func workOf(t *testing.T, env *stacktest.Env, run func()) (calls []work) {
	t.Helper()
	options := env.Valkey.Options()
	conn, err := net.Dial("tcp", options.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nMONITOR\r\n", options.Password); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReaderSize(conn, 1<<20)
	for range 2 {
		if line, err := lines.ReadString('\n'); err != nil || line != "+OK\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	const end = "that was all"
	done := make(chan struct{})
	go func() {
		defer close(done)
		run()
		env.Valkey.Echo(t.Context(), end)
	}()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		values := strings.Count(line, `" "`) + 1
		switch {
		case strings.Contains(line, ` lua] "`):
			calls[len(calls)-1].commands++
			calls[len(calls)-1].values += values
		case strings.Contains(line, `] "evalsha" "`):
			_, hash, _ := strings.Cut(line, `] "evalsha" "`)
			values += strings.Count(line, ",") // of JSON
			calls = append(calls, work{hash: hash[:40], values: values})
		case strings.Contains(line, end):
			<-done
			return calls
		}
	}
}

// TestNoCallIsLongForAnyNumberOfLimits sends the largest request, of 10,000 tenants that have every
// kind of limit, while usage must be looked up in many hashes. Without limits its longest call is
// the one that shows it and marks its tenants; with them none is longer.
func TestNoCallIsLongForAnyNumberOfLimits(t *testing.T) {
	const tenants, openMinutes = 10_000, 8
	longest := func(t *testing.T, limits string, change ...func(*setup)) (most work) {
		env := stacktest.Own(t)
		a := newAPI(t, env, change...)
		env.DB.MustExecContext(t.Context(),
			`INSERT INTO tenants (name) SELECT 'tenant-' || n FROM generate_series(1, 10000) AS n`)
		env.DB.MustExecContext(t.Context(),
			`UPDATE tenants SET `+limits+` WHERE name LIKE 'tenant-%'`)
		if err := a.live.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range openMinutes { // each answer tells the process how many there are
			a.clock.Advance(time.Minute)
			a.counted(`{"tenant":"free","feature":"chat","tokens":1}`)
		}
		var b strings.Builder
		for n := range tenants {
			const event = `{"tenant":"tenant-%d","feature":"chat","tokens":1,"id":"%d"}`
			fmt.Fprintf(&b, event+"\n", n+1, n)
		}
		calls := workOf(t, env, func() {
			waittest.Until(t, "the request is counted", func() bool { // a busy machine may not in 5 s
				return a.post(ndjsonType, b.String()).status == 200
			})
		})
		for _, one := range calls {
			most.commands = max(most.commands, one.commands)
			most.values = max(most.values, one.values)
		}
		t.Logf("%d calls; the longest have %d commands, and %d values",
			len(calls), most.commands, most.values)
		return most
	}
	without := longest(t, "archived_at = NULL")
	with := longest(t, "monthly_quota = 1000, enforce = 'soft', rate_limit = 10", featured(10))
	if with.commands > 2*without.commands || with.values > without.values*11/10 {
		t.Errorf("with limits a call has up to %d commands and %d values; without %d and %d",
			with.commands, with.values, without.commands, without.values)
	}
}
