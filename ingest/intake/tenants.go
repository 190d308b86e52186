package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/ingest/commit"
	"github.com/eduardosanzb/flagmeter/ingest/problem"
	"github.com/eduardosanzb/flagmeter/internal/auth"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// batch is the events of one request, as they were sent.
type batch struct {
	events []meter.Event
	key    string // the Idempotency-Key of all of them; "" if there is none
	now    time.Time
	from   commit.Sender
}

// prepare makes a request of a batch. Tenants are created, if the settings say so, only for a
// request without a fault.
func (h *Handlers) prepare(ctx context.Context, b batch) (*commit.Request, error) {
	request, missing, err := h.resolve(ctx, b)
	if err != nil || len(missing) == 0 {
		return request, err
	}
	request.Release() // it has none of the settings of its new tenants
	if err := h.create(ctx, missing); err != nil {
		return nil, err
	}
	request, missing, err = h.resolve(ctx, b)
	if err == nil && len(missing) > 0 {
		request.Release()
		return nil, errNotCreated()
	}
	return request, err
}

// resolve finds the tenants that a batch names, and makes a request of the events. It returns the
// names of tenants that do not exist, if the settings say to create those; their events are in the
// request too, so that ids which conflict are found first. A tenant that the sender may not know of
// is like one that does not exist, and is not created.
func (h *Handlers) resolve(ctx context.Context, b batch) (
	request *commit.Request, missing []string, err error,
) {
	request = h.commit.NewRequest(b.from, b.key, len(b.events), b.now)
	who := auth.Of(ctx)
	var unknown []int
	var tenant meter.Tenant // of the event before, mostly of this one too
	var named string        // what that event called it
	for i := range b.events {
		e := &b.events[i]
		if e.Tenant != named {
			var exists bool
			if tenant, exists = h.backend.Tenants.Get(e.Tenant); !exists {
				tenant = meter.Tenant{Name: e.Tenant, Zone: time.UTC}
			}
			sees := who.Sees(tenant.Name)
			switch {
			case exists && sees && !tenant.Archived:
			case !exists && sees && h.autoCreate:
				missing = append(missing, e.Tenant)
			default:
				unknown, named = append(unknown, i), ""
				continue
			}
			named = e.Tenant
		}
		request.Add(i, *e, tenant)
	}
	err = request.Err()
	if len(unknown) > 0 {
		err = problem.UnknownTenants(b.events, unknown)
	}
	if err != nil {
		request.Release()
		return nil, nil, err
	}
	return request, missing, nil
}

// create adds tenants; that needs Postgres.
func (h *Handlers) create(ctx context.Context, names []string) error {
	if err := h.backend.Tenants.Create(ctx, names, h.newTenant); err != nil {
		return errNotCreated().Because(fmt.Errorf("create %d tenants: %w", len(names), err))
	}
	return nil
}

func errNotCreated() *problem.Problem {
	return problem.Unavailable("a tenant is new and cannot be created now; nothing was counted")
}
