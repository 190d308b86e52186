package main

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// lineLength is about what FlagMeter stores of an event with an id.
const lineLength = 140

// group waits until the events of all requests that wait together are on Valkey's disk. It
// gathers as FlagMeter does: up to 2 ms for nine tenths of the requests of the last group.
func group(ctx context.Context, _ *sqlx.DB, rdb redis.UniversalClient) keep {
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
			err := rdb.RPush(ctx, "bench:group", make([]byte, lineLength*len(members))).Err()
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

// dedupeWindow is FlagMeter's own by default.
const dedupeWindow = 3 * time.Hour

// single calls ingest.lua once for each event: everything that FlagMeter does, but for
// group commit. A call needs a committer of its own while it is under way.
func single(_ context.Context, _ *sqlx.DB, rdb redis.UniversalClient) keep {
	type committer struct {
		name   string
		number int64
	}
	valkey, numbers := scripts.New(rdb, 1), record.NewIDs()
	idle := make(chan *committer, 256)
	for range cap(idle) {
		idle <- &committer{name: uuid.NewString()}
	}
	return func(ctx context.Context, e event) error {
		c := <-idle
		defer func() { idle <- c }()
		c.number++
		now, at := time.Now(), e.Timestamp.UTC()
		line := record.Append(nil, numbers.Next(now), meter.Event{
			ID: e.ID, Tenant: e.Tenant, Feature: e.Feature, Amounts: meter.OneEvent(e.Tokens), At: at,
		})
		minute, today := at.Unix()/60, meter.DayAt(now, time.UTC)
		content := e.Feature + strconv.FormatInt(e.Tokens, 10)
		_, _, err := valkey.Ingest(ctx, 0, scripts.Group{
			Committer: c.name, Number: c.number, Lines: line,
			Counters: []scripts.Counter{{
				Minute: minute, Late: minute < now.Unix()/60-2, Day: meter.DayAt(at, time.UTC),
				Tenant: e.Tenant, Feature: e.Feature, Amounts: meter.OneEvent(e.Tokens),
			}},
			IDs: []scripts.EventID{{Tenant: e.Tenant, ID: e.ID, Content: content}},
		}, dedupeWindow, scripts.Query{
			Tenants: []meter.TenantDays{{Tenant: e.Tenant, From: today, To: today + 1}},
		})
		return err
	}
}
