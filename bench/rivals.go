package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// rivals are what people would build instead. Each takes an event and returns when it is
// as safe as the rival makes it.
var rivals = map[string]func(context.Context, *sqlx.DB, redis.UniversalClient) func(context.Context, event) error{
	"ceiling": func(context.Context, *sqlx.DB, redis.UniversalClient) func(context.Context, event) error { return nil },
	"group":   group,
	"queue":   queue,
	"insert":  insert,
	"single":  single,
}

// event is the body of a request.
type event struct {
	Tenant  string `json:"tenant"`
	Feature string `json:"feature"`
	Tokens  int64  `json:"tokens"`
}

// serve runs a rival until it is killed.
func serve(ctx context.Context, name string) error {
	open, ok := rivals[name]
	if !ok {
		return fmt.Errorf("no rival is called %q", name)
	}
	db, err := store.Open(os.Getenv("DATABASE_URL"), 16, store.Silence)
	if err != nil {
		return err
	}
	defer db.Close()
	rdb, err := scripts.Connect(os.Getenv("VALKEY_URL"))
	if err != nil {
		return err
	}
	defer rdb.Close()
	router := httprouter.New()
	router.POST("/events", receive(open(ctx, db, rdb)))
	router.GET("/usage/:tenant", func(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) { _, _ = w.Write([]byte("{}")) })

	listener, err := net.Listen("tcp", os.Getenv("LISTEN_ADDR"))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	slog.New(slog.NewJSONHandler(os.Stdout, nil)).Info("started", "address", listener.Addr().String())
	server := &http.Server{Handler: router}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// receive reads the body and, if there is one to keep it, decodes the event.
func receive(keep func(context.Context, event) error) httprouter.Handle {
	return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		body, err := io.ReadAll(r.Body)
		if err == nil && keep != nil {
			var e event
			if err = json.Unmarshal(body, &e); err == nil {
				err = keep(r.Context(), e)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}
}

// group waits until the events of all requests that wait together are on Valkey's disk. It
// gathers as FlagMeter does: up to 2 ms for nine tenths of the requests of the last group.
func group(ctx context.Context, _ *sqlx.DB, rdb redis.UniversalClient) func(context.Context, event) error {
	waiting := make(chan chan error, 8192)
	go func() {
		for expected := 0; ctx.Err() == nil; {
			members, limit := []chan error{<-waiting}, time.After(2*time.Millisecond)
			for more := true; more; {
				select {
				case m := <-waiting:
					members = append(members, m)
				default:
					if more = len(members) < expected; more {
						select {
						case m := <-waiting:
							members = append(members, m)
						case <-limit:
							more = false
						}
					}
				}
			}
			err := rdb.RPush(ctx, "bench:group", make([]byte, 100*len(members))).Err()
			if expected = 0; len(members) >= 8 {
				expected = (len(members) + len(waiting)) * 9 / 10
			}
			for _, m := range members {
				m <- err
			}
		}
	}()
	return func(context.Context, event) error {
		done := make(chan error, 1)
		waiting <- done
		return <-done
	}
}

// queue pushes each event to a list; a worker moves them to Postgres one at a time.
func queue(ctx context.Context, db *sqlx.DB, rdb redis.UniversalClient) func(context.Context, event) error {
	const list = "bench:queue"
	own, err := scripts.Connect(os.Getenv("VALKEY_URL")) // or the requests would take all connections
	if err != nil {
		return func(context.Context, event) error { return err }
	}
	go func() {
		defer own.Close()
		for ctx.Err() == nil {
			popped, err := own.BRPop(ctx, time.Second, list).Result()
			if err != nil {
				continue
			}
			var e event
			if err := json.Unmarshal([]byte(popped[1]), &e); err != nil {
				continue
			}
			if err := insertEvent(ctx, db, e); err != nil && ctx.Err() == nil {
				slog.Error("an event is lost", "error", err) // this is how it is built
			}
		}
	}()
	return func(ctx context.Context, e event) error {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return rdb.LPush(ctx, list, text).Err()
	}
}

// insert writes each event to Postgres before it answers.
func insert(_ context.Context, db *sqlx.DB, _ redis.UniversalClient) func(context.Context, event) error {
	return func(ctx context.Context, e event) error { return insertEvent(ctx, db, e) }
}

// insertEvent writes an event and adds it to its rollup, in one transaction.
func insertEvent(ctx context.Context, db *sqlx.DB, e event) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	now := time.Now()
	if _, err := tx.ExecContext(ctx, "INSERT INTO events (id, tenant, feature, tokens, created_at) VALUES ($1, $2, $3, $4, $5)",
		uuid.Must(uuid.NewV7()), e.Tenant, e.Feature, e.Tokens, now); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO rollups AS r (tenant, feature, minute, total_tokens, events) VALUES ($1, $2, $3, $4, 1)
		ON CONFLICT (tenant, feature, minute) DO UPDATE SET total_tokens = r.total_tokens + excluded.total_tokens, events = r.events + 1`,
		e.Tenant, e.Feature, now.Truncate(time.Minute), e.Tokens); err != nil {
		return fmt.Errorf("upsert: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// single calls ingest.lua once for each event: everything that FlagMeter does, but for
// group commit. A call needs a committer of its own while it is under way.
func single(_ context.Context, _ *sqlx.DB, rdb redis.UniversalClient) func(context.Context, event) error {
	type committer struct {
		name   string
		number int64
	}
	valkey := scripts.New(rdb, 1)
	idle := make(chan *committer, 256)
	for range cap(idle) {
		idle <- &committer{name: uuid.NewString()}
	}
	return func(ctx context.Context, e event) error {
		c := <-idle
		defer func() { idle <- c }()
		c.number++
		now := time.Now().UTC()
		line := fmt.Appendf(nil, "%s\t%s\t%s\t%d\t%s\t\\N", uuid.Must(uuid.NewV7()), e.Tenant, e.Feature, e.Tokens, now.Format("2006-01-02 15:04:05.999999+00"))
		day := meter.DayAt(now, time.UTC)
		_, _, err := valkey.Ingest(ctx, 0, scripts.Group{Committer: c.name, Number: c.number, Lines: line,
			Counters: []scripts.Counter{{Minute: now.Unix() / 60, Day: day, Tenant: e.Tenant, Feature: e.Feature, Tokens: e.Tokens, Events: 1}}},
			time.Hour, scripts.Query{Tenants: []meter.TenantDays{{Tenant: e.Tenant, From: day, To: day + 1}}})
		return err
	}
}
