package store_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

func TestOpenNamesTheProgramAndBoundsThePool(t *testing.T) {
	db, err := store.Open(stacktest.New(t).DatabaseURL, 3, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var name string
	if err := db.GetContext(t.Context(), &name, "SHOW application_name"); err != nil ||
		name != "flagmeter" {
		t.Errorf("application_name %q, %v", name, err)
	}
	if got := db.Stats().MaxOpenConnections; got != 3 {
		t.Errorf("at most %d connections, want 3", got)
	}
}

func TestOpenDoesNotConnect(t *testing.T) {
	db, err := store.Open("postgres://u:p@127.0.0.1:1/x?sslmode=disable", 1, 0)
	if err != nil {
		t.Fatalf("Postgres is away: %v", err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil || strings.Contains(err.Error(), "u:p") {
		t.Errorf("ping: %v", err)
	}
}

func TestOpenHidesThePasswordOfABadURL(t *testing.T) {
	for _, raw := range []string{
		"", "s3cret", "mysql://u:s3cret@host/db", "postgres://u:s3cret/x@host/db",
		"postgres://u:s3cret%zz@host/db",
		"host=localhost password=s3cret", "postgres://u:s3cret@host:port/db",
	} {
		db, err := store.Open(raw, 1, 0)
		if err == nil {
			db.Close()
			t.Errorf("%q is accepted", raw)
		} else if strings.Contains(err.Error(), "s3cret") ||
			!strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("%q: %v", raw, err)
		}
	}
	for _, raw := range []string{
		"postgres://u:s3cret@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://u:s3cret@127.0.0.1:1/db?connect_timeout=s3cret",
		"postgres://u@127.0.0.1:1/db?password=s3cret&sslmode=s3cret",
	} {
		db, err := store.Open(raw, 1, 0)
		if err == nil {
			err = db.PingContext(t.Context())
			db.Close()
		}
		if err == nil || strings.Contains(err.Error(), "u:s3cret") {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// TestOpenGivesUpOnSilence talks to a server that accepts connections and never answers.
func TestOpenGivesUpOnSilence(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	proxied := make(chan net.Conn, 8)
	go func() { // forwards until told to fall silent
		for {
			client, err := mute.Accept()
			if err != nil {
				return
			}
			proxied <- client
		}
	}()
	env := stacktest.New(t)
	u, err := url.Parse(env.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	real := u.Host
	u.Host = mute.Addr().String()
	silent := make(chan struct{})
	go func() {
		for client := range proxied {
			server, err := net.Dial("tcp", real)
			if err != nil {
				client.Close()
				continue
			}
			go io.Copy(server, client)
			go func() {
				buf := make([]byte, 4096)
				for {
					n, err := server.Read(buf)
					if err != nil {
						return
					}
					select {
					case <-silent: // swallow the answer
					default:
						client.Write(buf[:n])
					}
				}
			}()
		}
	}()
	db, err := store.Open(u.String(), 1, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "SELECT pg_sleep(0.1)"); err != nil {
		t.Fatalf("a statement shorter than the limit: %v", err)
	}
	close(silent)
	failed := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(context.Background(), "SELECT 1")
		failed <- err
	}()
	if err := waittest.Receive(t, "a statement without an answer is given up", failed); err == nil {
		t.Error("a statement without an answer succeeded")
	}
}
