package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/redis/go-redis/v9"
)

const (
	// pings is how often a store is asked; the median is reported.
	pings = 7
	// farAway is a round trip that can be felt: POST /events needs one and an fsync, and shall
	// be answered within 5 ms at p99.
	farAway = 3 * time.Millisecond
)

func (p *Patient) reachValkey(ctx context.Context) []Finding {
	median, longest, err := roundTrips(func() error { return p.Valkey.Ping(ctx) })
	if err != nil {
		return one(reachable, Fail, "valkey does not answer: "+err.Error(), valkeyAdvice(err))
	}
	return p.distance("valkey", median, longest)
}

func (p *Patient) reachPostgres(ctx context.Context) []Finding {
	median, longest, err := roundTrips(func() error { return p.DB.PingContext(ctx) })
	if err != nil {
		return one(reachable, Fail, "postgres does not answer: "+err.Error(), postgresAdvice(err))
	}
	return p.distance("postgres", median, longest)
}

// roundTrips asks once to connect, and then to measure.
func roundTrips(ping func() error) (median, longest time.Duration, err error) {
	if err := ping(); err != nil {
		return 0, 0, err
	}
	took := make([]time.Duration, pings)
	for i := range took {
		began := time.Now()
		if err := ping(); err != nil {
			return 0, 0, err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[pings/2], took[pings-1], nil
}

func (p *Patient) distance(store string, median, longest time.Duration) []Finding {
	text := fmt.Sprintf("answers in %s (the longest of %d: %s)",
		median.Round(10*time.Microsecond), pings, longest.Round(10*time.Microsecond))
	if median > cmp.Or(p.FarAway, farAway) {
		return one(reachable, Warn, text, fmt.Sprintf(
			"run %s on this machine or in the same data centre: each request waits for it", store))
	}
	return ok(reachable, text)
}

// valkeyAdvice says what helps against an error of Valkey.
func valkeyAdvice(err error) string {
	switch {
	case redis.HasErrorPrefix(err, "NOAUTH"), redis.HasErrorPrefix(err, "WRONGPASS"):
		return "correct user and password in VALKEY_URL: redis://user:password@host:6379/0; users are" +
			" in valkey.acl"
	case redis.HasErrorPrefix(err, "NOPERM"):
		return "give the user the rights of scripts/valkey.acl, then: valkey-cli ACL LOAD"
	case redis.HasErrorPrefix(err, "LOADING"):
		return "wait: Valkey reads its append-only file"
	}
	return networkAdvice(err, "VALKEY_URL",
		"docker compose up -d valkey, or: systemctl start valkey-server")
}

// postgresAdvice says the same of Postgres.
func postgresAdvice(err error) string {
	var refusal *pq.Error
	if errors.As(err, &refusal) {
		switch refusal.Code.Class() {
		case "28":
			return "correct user and password in DATABASE_URL; psql, as an administrator: \\password" +
				" flagmeter_ingest"
		case "3D":
			return "createdb, as an administrator, the database that DATABASE_URL names, then:" +
				" flagmeter migrate"
		case "53":
			return "raise max_connections in postgresql.conf, or end those who hold them: SELECT usename," +
				" count(*) FROM pg_stat_activity GROUP BY 1"
		}
	}
	if strings.Contains(err.Error(), "SSL is not enabled") {
		return "switch on TLS in Postgres, or, on one machine, put ?sslmode=disable at the end of" +
			" DATABASE_URL"
	}
	return networkAdvice(err, "DATABASE_URL",
		"docker compose up -d postgres, or: systemctl start postgresql")
}

func networkAdvice(err error, setting, start string) string {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return "correct the host name in " + setting
	case strings.Contains(err.Error(), "refused"), strings.Contains(err.Error(), "no such file"):
		return "start it: " + start + "; if it runs, correct host and port in " + setting
	}
	return "look whether host and port in " + setting +
		" can be reached from here, and at firewalls between"
}
