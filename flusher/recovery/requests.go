package recovery

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// dropRepeatedRequests is dropRepeated for events of requests with a key (record.Request): Valkey
// had forgotten the key, and ingest accepted the request again. Only tenants of this shard count:
// in other shards Postgres may have other events of the request, or another request under the same
// key.
//
// An event is a repeat if Postgres has one with the same key, place, tenant, feature and tokens. If
// Postgres has the key but no such event, the request should have been refused: the event goes to
// dead_events. An event that was flushed before the loss and came back is in Postgres under its own
// id, and is a repeat of itself.
func (t *recoveryTx) dropRepeatedRequests(ctx context.Context) error {
	first, any, err := t.firstWith(ctx, "request_key")
	if err != nil || !any {
		return err
	}
	window := t.dedupe
	age := record.Millis("r.id") + " - " + record.Millis("b.id")
	_, err = t.tx.ExecContext(ctx, `WITH before AS MATERIALIZED (
			SELECT e.id, e.tenant, e.feature, e.tokens, e.request_key, e.request_place,
				`+space("e")+` AS space
			FROM events e JOIN own USING (tenant) WHERE e.id >= $1 AND e.request_key IS NOT NULL),
		again AS (
			DELETE FROM recovered r WHERE r.request_key IS NOT NULL
				AND EXISTS (SELECT FROM before b WHERE b.request_key = r.request_key
					AND b.space = `+space("r")+` AND b.id < r.id AND `+age+` < $2)
			RETURNING r.*)
		INSERT INTO dead_events (batch, kind, content, reason)
		SELECT $3, 'raw', convert_to(`+record.Text+`, 'UTF8'),
			'the Idempotency-Key of its request was used for another request'
		FROM again a WHERE NOT EXISTS (SELECT FROM before b WHERE b.request_key = a.request_key
			AND b.space = `+space("a")+` AND b.request_place = a.request_place
			AND b.tenant = a.tenant AND b.feature = a.feature AND b.tokens = a.tokens)`,
		record.FirstID(record.TimeOf(first).Add(-window)), window.Milliseconds(), t.recoveryID)
	if err != nil {
		return fmt.Errorf("drop repeated requests: %w", err)
	}
	return nil
}

// space is a SQL expression for the name space of a row's request key: a tenant, or "" for the
// deployment.
func space(row string) string {
	return fmt.Sprintf("CASE %s.request_scope WHEN '%c' THEN %[1]s.tenant ELSE '' END",
		row, record.OfTenant)
}

// requestKeys returns the keys of requests whose events of a shard arrived at from or later, for
// any content.
//
// If the shard now has other tenants than before (Rewound.Moved), it is unknown whether a request
// across several shards was counted in all of them: one may have failed. If a repetition were
// answered with success, events could be lost; if it were counted, they could count twice. The key
// is therefore remembered for an unknown content, so that a repetition is answered 409.
func (r *Recovery) requestKeys(ctx context.Context, shard int, from uuid.UUID,
	lost scripts.Rewound) (keys []scripts.EventID, err error) {
	rows, err := r.longQueryDB.QueryxContext(ctx, `
		SELECT DISTINCT `+space("e")+` AS space, request_key,
			request_scope = $2 AS spread, tenant
		FROM events e WHERE id >= $1 AND request_key IS NOT NULL
		ORDER BY request_key, space, spread DESC`, from, string(record.OfShards))
	if err != nil {
		return nil, fmt.Errorf("read keys of requests: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var space, key, tenant string
		var spread bool
		if err := rows.Scan(&space, &key, &spread, &tenant); err != nil {
			return nil, fmt.Errorf("read keys of requests: %w", err)
		}
		if scripts.ShardOf(tenant, r.valkey.Shards()) != shard {
			continue
		}
		content := scripts.AnyContent
		if spread && lost.Moved {
			content = scripts.UnknownContent
		}
		known := scripts.RequestKey(space, key, content)
		if n := len(keys); n > 0 && keys[n-1].Tenant == known.Tenant && keys[n-1].ID == known.ID {
			continue // of another tenant of the same request
		}
		keys = append(keys, known)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read keys of requests: %w", err)
	}
	return keys, nil
}
