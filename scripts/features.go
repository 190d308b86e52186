package scripts

import (
	"context"
	"fmt"
	"time"
)

// featureDays is for how many days after its last use a feature counts (limits.lua).
const featureDays = 35

// FeaturesFor is how long Valkey keeps the features of a tenant that sends nothing.
const FeaturesFor = (featureDays + 1) * 24 * time.Hour

// FeatureUse is a feature that a tenant has used, with the UTC day of the last use (days since
// 1970).
type FeatureUse struct {
	Feature string
	Day     int64
}

// featuresAtOnce is how many features one call of features.lua puts back: about 1 ms.
const featuresAtOnce = 1000

// RememberFeatures puts back features of a tenant during the recovery with that marker. It may be
// repeated.
func (v *Valkey) RememberFeatures(
	ctx context.Context, shard int, marker, tenant string, uses []FeatureUse,
) error {
	keys := []string{rewoundKey(shard), featuresPrefix(shard) + tenant}
	for len(uses) > 0 {
		part := uses[:min(len(uses), featuresAtOnce)]
		uses = uses[len(part):]
		args := make([]any, 0, 2+2*len(part))
		args = append(args, marker, FeaturesFor.Milliseconds())
		for _, u := range part {
			args = append(args, u.Feature, u.Day)
		}
		if _, err := v.run(ctx, nil, call{featuresScript, keys, args}); err != nil {
			return fmt.Errorf("put back features: %w", err)
		}
	}
	return nil
}
