package torture

import (
	"context"
	"math/rand/v2"
	"time"
)

func networkFaults() []fault {
	lost := func(kind, attributes string) []toxic { return []toxic{replies(kind, attributes)} }
	slow := []toxic{replies("latency", `"latency":150,"jitter":100`),
		requests("latency", `"latency":50,"jitter":40`)}
	halfOpen := []toxic{{"timeout", down, `"timeout":0`, 0.5}}

	frontValkey := func(r *rig) []*proxy { return []*proxy{r.front.valkey} }
	frontPostgres := func(r *rig) []*proxy { return []*proxy{r.front.postgres} }
	backValkey := func(r *rig) []*proxy { return []*proxy{r.back.valkey} }
	backPostgres := func(r *rig) []*proxy { return []*proxy{r.back.postgres} }
	return []fault{
		// Valkey executes the call and the reply is lost, wholly, in part, or by a reset.
		flicker("valkey-reply-lost", frontValkey, lost("timeout", `"timeout":50`)),
		flicker("valkey-reply-cut", frontValkey, lost("limit_data", `"bytes":7`)),
		flicker("valkey-reset", frontValkey, lost("reset_peer", `"timeout":20`)),
		network("seal-reply-lost", back, backValkey, 2*time.Second, lost("timeout", `"timeout":300`)),
		network("seal-reply-cut", back, backValkey, 2*time.Second, lost("limit_data", `"bytes":900`)),
		network("postgres-reply-cut", back, backPostgres, 3*time.Second,
			lost("limit_data", `"bytes":900`)),
		network("postgres-request-cut",
			back, backPostgres, 3*time.Second, []toxic{requests("limit_data", `"bytes":9000`)}),

		network("ingest-slow-network", front, func(r *rig) []*proxy {
			return []*proxy{r.front.valkey, r.front.postgres}
		}, 4*time.Second, slow),
		network("flusher-slow-network", back, func(r *rig) []*proxy {
			return []*proxy{r.back.valkey, r.back.postgres}
		}, 4*time.Second, slow),

		// Nothing passes, and nothing is closed.
		network("ingest-valkey-black-hole", front, frontValkey, 7*time.Second, silence),
		network("ingest-postgres-black-hole", front, frontPostgres, 5*time.Second, silence),
		network("flusher-valkey-black-hole", back, backValkey, 5*time.Second, silence),
		network("flusher-postgres-black-hole", back, backPostgres, 5*time.Second, silence),
		// Requests arrive, replies do not, on half of the connections.
		network("valkey-half-open", front, frontValkey, 5*time.Second, halfOpen),
		network("postgres-half-open", back, backPostgres, 5*time.Second, halfOpen),
	}
}

// network is a fault that harms the connections of some proxies for some time.
func network(
	name, part string, proxies func(*rig) []*proxy, lasts time.Duration, toxics []toxic,
) fault {
	return fault{name: name, touches: []string{part},
		inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
			for _, p := range proxies(r) {
				if err := p.harm(toxics...); err != nil {
					return err
				}
			}
			pause(ctx, random, lasts*3/4, lasts*5/4)
			return heal(proxies(r)...)
		}}
}

// flicker is a fault that harms the connections of ingests again and again for a moment: only
// what is on its way just then is executed without a reply.
func flicker(name string, proxies func(*rig) []*proxy, toxics []toxic) fault {
	return fault{name: name, touches: []string{front},
		inject: func(ctx context.Context, r *rig, random *rand.Rand) error {
			for range 10 {
				for _, p := range proxies(r) {
					if err := p.harm(toxics...); err != nil {
						return err
					}
				}
				pause(ctx, random, 60*time.Millisecond, 120*time.Millisecond)
				if err := heal(proxies(r)...); err != nil {
					return err
				}
				pause(ctx, random, 100*time.Millisecond, 300*time.Millisecond)
			}
			return nil
		}}
}
