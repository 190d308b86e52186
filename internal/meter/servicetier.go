package meter

import (
	"fmt"
	"strings"
)

// ServiceTier is the class of service of a request. Each class has separate prices.
type ServiceTier uint8

const (
	// TierStandard is the default.
	TierStandard ServiceTier = iota
	// TierBatch is answered within a day.
	TierBatch
	// TierFlex is slower, or refused while there is much to do.
	TierFlex
	// TierPriority is served before the others.
	TierPriority
	// NumServiceTiers is how many service tiers there are.
	NumServiceTiers
)

var serviceTiers = []string{TierStandard: "standard", TierBatch: "batch", TierFlex: "flex",
	TierPriority: "priority"}

// String is standard, batch, flex or priority.
func (t ServiceTier) String() string { return serviceTiers[t] }

// ParseServiceTier reads what String writes.
func ParseServiceTier(s string) (ServiceTier, error) {
	for i, name := range serviceTiers {
		if s == name {
			return ServiceTier(i), nil
		}
	}
	return 0, fmt.Errorf("must be one of %s, not %q", strings.Join(serviceTiers, ", "), s)
}
