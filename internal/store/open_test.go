package store_test

import (
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
	"github.com/eduardosanzb/flagmeter/internal/store"
)

func TestOpenNamesTheProgramAndBoundsThePool(t *testing.T) {
	db, err := store.Open(stacktest.New(t).DatabaseURL, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var name string
	if err := db.GetContext(t.Context(), &name, "SHOW application_name"); err != nil || name != "flagmeter" {
		t.Errorf("application_name %q, %v", name, err)
	}
	if got := db.Stats().MaxOpenConnections; got != 3 {
		t.Errorf("at most %d connections, want 3", got)
	}
}

func TestOpenDoesNotConnect(t *testing.T) {
	db, err := store.Open("postgres://u:p@127.0.0.1:1/x?sslmode=disable", 1)
	if err != nil {
		t.Fatalf("Postgres is away: %v", err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err == nil || strings.Contains(err.Error(), "u:p") {
		t.Errorf("ping: %v", err)
	}
}

func TestOpenHidesThePasswordOfABadURL(t *testing.T) {
	for _, url := range []string{"", "s3cret", "mysql://u:s3cret@host/db", "postgres://u:s3cret/x@host/db", "postgres://u:s3cret%zz@host/db",
		"host=localhost password=s3cret", "postgres://u:s3cret@host:port/db"} {
		db, err := store.Open(url, 1)
		if err == nil {
			db.Close()
			t.Errorf("%q is accepted", url)
		} else if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"postgres://u:s3cret@127.0.0.1:1/db?sslmode=nonsense", "postgres://u:s3cret@127.0.0.1:1/db?connect_timeout=s3cret",
		"postgres://u@127.0.0.1:1/db?password=s3cret&sslmode=s3cret"} {
		db, err := store.Open(url, 1)
		if err == nil {
			err = db.PingContext(t.Context())
			db.Close()
		}
		if err == nil || strings.Contains(err.Error(), "u:s3cret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
