package recovery

import (
	"context"
	"fmt"
	"time"

	"github.com/eduardosanzb/flagmeter/scripts"
)

// rememberFeatures puts back which features each tenant has lately used, because their number is
// limited (limits.lua). It belongs to step 15. Postgres' clock determines ages.
func (r *Recovery) rememberFeatures(ctx context.Context, shard int, marker string) error {
	rows, err := r.longQueryDB.QueryxContext(ctx, `SELECT tenant, feature,
			floor(extract(epoch FROM max(updated_at)) / 86400)::bigint
		FROM usage_daily WHERE updated_at > now() - $1 * interval '1 hour'
		GROUP BY tenant, feature ORDER BY tenant`,
		scripts.FeaturesFor/time.Hour)
	if err != nil {
		return fmt.Errorf("read features: %w", err)
	}
	defer rows.Close()
	var tenant string
	var uses []scripts.FeatureUse
	flush := func() error {
		if scripts.ShardOf(tenant, r.valkey.Shards()) != shard {
			uses = uses[:0]
		}
		err := r.valkey.RememberFeatures(ctx, shard, marker, tenant, uses)
		uses = uses[:0]
		return err
	}
	for rows.Next() {
		var name string
		var use scripts.FeatureUse
		if err := rows.Scan(&name, &use.Feature, &use.Day); err != nil {
			return fmt.Errorf("read features: %w", err)
		}
		if name != tenant {
			if err := flush(); err != nil {
				return err
			}
			tenant = name
		}
		uses = append(uses, use)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read features: %w", err)
	}
	return flush()
}
