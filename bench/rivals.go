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

	"github.com/jmoiron/sqlx"
	"github.com/julienschmidt/httprouter"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
)

// rivals are what people would build instead. Each takes an event and returns when it is
// as safe as the rival makes it. Those that store events store each id once.
var rivals = map[string]rival{
	"ceiling": func(context.Context, *sqlx.DB, redis.UniversalClient) keep { return nil },
	"group":   group,
	"queue":   queue,
	"insert":  insert,
	"single":  single,
}

type (
	rival func(context.Context, *sqlx.DB, redis.UniversalClient) keep
	keep  func(context.Context, event) error
)

// event is the body of a request.
type event struct {
	ID        string    `json:"id"`
	Tenant    string    `json:"tenant"`
	Feature   string    `json:"feature"`
	Tokens    int64     `json:"tokens"`
	Timestamp time.Time `json:"timestamp"`
}

// serve runs a rival until it is killed.
func serve(ctx context.Context, name string) error {
	open, ok := rivals[name]
	if !ok {
		return fmt.Errorf("no rival is called %q", name)
	}
	db, err := store.Open(os.Getenv("DATABASE_URL"), 16, store.QueryTimeout)
	if err != nil {
		return err
	}
	defer db.Close()
	rdb, err := valkey.Connect(os.Getenv("VALKEY_URL"))
	if err != nil {
		return err
	}
	defer rdb.Close()
	router := httprouter.New()
	router.POST("/events", receive(open(ctx, db, rdb)))
	router.GET("/usage/:tenant", func(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
		_, _ = w.Write([]byte("{}"))
	})

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
func receive(keep keep) httprouter.Handle {
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
