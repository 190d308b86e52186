package command

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestTheGuardLetsTheLargestBatchPass(t *testing.T) {
	for setting, burst := range map[int64]int64{1: meter.MaxEvents, 50_000: 500_000} {
		rate := guard(config.Config{RateGuard: setting})
		if rate.PerSecond != setting || rate.Burst != burst {
			t.Errorf("RATE_GUARD=%d is %+v, want a burst of %d", setting, rate, burst)
		}
	}
	if guard(config.Config{}).Limited() {
		t.Error("RATE_GUARD=0 limits")
	}
}
