package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/listen"
	schema "github.com/eduardosanzb/flagmeter/sql"
)

func TestAwaitTriesEverySecondAndSaysSoOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		began := time.Now()
		err := await(t.Context(), slog.New(slog.NewTextHandler(&out, nil)),
			"valkey", func(context.Context) error {
				if time.Since(began) < 90*time.Second {
					return errors.New("connection refused")
				}
				return nil
			})
		if took := time.Since(began); err != nil || took != 90*time.Second {
			t.Errorf("await = %v after %s", err, took)
		}
		waiting := strings.Count(out.String(), `msg="waiting for valkey" error="connection refused"`)
		over := strings.Count(out.String(), `msg="no longer waiting for valkey"`)
		if waiting != 2 || over != 1 {
			t.Errorf("log:\n%s", &out)
		}
	})
}

func TestAwaitGivesAnAttemptItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		err := await(t.Context(), slog.New(slog.DiscardHandler),
			"postgres", func(ctx context.Context) error {
				if attempts++; attempts == 2 {
					return nil
				}
				<-ctx.Done() // it hangs
				return ctx.Err()
			})
		if err != nil || attempts != 2 {
			t.Errorf("await = %v after %d attempts", err, attempts)
		}
	})
}

func TestAwaitEndsEarly(t *testing.T) {
	t.Run("when the schema is outdated", func(t *testing.T) {
		err := await(t.Context(), slog.New(slog.DiscardHandler), "postgres", func(context.Context) error {
			return fmt.Errorf("%w (missing 9)", schema.ErrOutdated)
		})
		if !errors.Is(err, schema.ErrOutdated) {
			t.Errorf("await = %v", err)
		}
	})
	t.Run("with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := await(ctx, slog.New(slog.DiscardHandler), "postgres", func(context.Context) error {
			cancel()
			return errors.New("connection refused")
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("await = %v", err)
		}
	})
}

func TestWithin(t *testing.T) {
	broken := errors.New("broken")
	tests := []struct {
		name  string
		work  func(ctx context.Context) error
		want  string // "" means nil
		after time.Duration
	}{
		{"work that fails by itself", func(context.Context) error { return broken }, "broken", 0},
		{"work that ends by itself", func(context.Context) error { return nil }, "", 0},
		{"work that ends with its context", func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("read: %w", ctx.Err())
		}, "", time.Minute},
		{"work that finishes what is in hand", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(9 * time.Second)
			return nil
		}, "", time.Minute + 9*time.Second},
		{"work that fails at the end", func(ctx context.Context) error { <-ctx.Done(); return broken },
			"broken", time.Minute},
		{"work that hangs", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Hour)
			return nil
		}, "", time.Minute + 10*time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(time.Minute, cancel) // SIGTERM
				began := time.Now()
				var out bytes.Buffer
				log := slog.New(slog.NewTextHandler(&out, nil))
				err := within(ctx, log, 10*time.Second, func() error { return tt.work(ctx) })
				if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
					t.Errorf("within = %v", err)
				}
				if took := time.Since(began); took != tt.after {
					t.Errorf("took %s, want %s", took, tt.after)
				}
				if warned := out.Len() > 0; warned != (tt.name == "work that hangs") {
					t.Errorf("log: %s", &out)
				}
				time.Sleep(time.Hour) // in the bubble's time: until the work that hangs has ended
			})
		})
	}
}

func TestLocalURL(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:0": "http://127.0.0.1:", "0.0.0.0:0": "http://127.0.0.1:", ":0": "http://127.0.0.1:",
	} {
		l, err := listen.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		got := localURL(l.Addr().String())
		if !strings.HasPrefix(got, want) || strings.HasSuffix(got, ":") {
			t.Errorf("%s: got %s", address, got)
		}
	}
}
