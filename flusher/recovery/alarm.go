package recovery

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/ledger"
	"github.com/eduardosanzb/flagmeter/internal/record"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// end records that the recovery of a shard has ended.
func (r *Recovery) end(shard int) {
	delete(r.recovering, shard)
	if len(r.recovering) == 0 {
		r.metrics.rewound.Set(0)
	}
}

// alarm logs once why the shard is being recovered.
func (r *Recovery) alarm(ctx context.Context, shard int, lost scripts.Rewound) {
	if r.recovering[shard] == lost.ID {
		return
	}
	r.recovering[shard] = lost.ID
	if lost.Restored { // as the operator reported
		r.log.Warn("postgres was restored from a backup: what valkey still holds is now moved into"+
			" it. Events are accepted again when that is done",
			"shard", shard, "id", lost.ID, "position", lost.Position,
			"position_of_backup", lost.HighWater,
			"raw_batches", len(lost.Raw), "sum_batches", len(lost.Sums))
		return
	}
	if lost.Moved {
		r.log.Warn("SHARDS was changed: the event ids that postgres has are now put into this"+
			" shard. Events are accepted again when that is done", "shard", shard, "id", lost.ID)
		return
	}
	r.metrics.rewinds.Inc()
	lastFlush := "unknown"
	if at, ok, err := ledger.LastCommit(ctx, r.db, shard, math.MaxInt64); err == nil && ok {
		lastFlush = at.UTC().Format(time.RFC3339)
	}
	noticed := "unknown"
	if id, err := uuid.Parse(lost.ID); err == nil {
		noticed = record.TimeOf(id).UTC().Format(time.RFC3339)
	}
	r.log.Error("VALKEY HAS LOST WRITES IT HAD ACKNOWLEDGED: older data were restored, or its"+
		" append-only file was cut. The recovery begins now, and events are refused until it ends."+
		" It moves everything left in Valkey to Postgres, nothing twice, and recomputes sums from"+
		" events. Events that were acknowledged after the last flush before the loss are lost for"+
		" good. Check Valkey's volume and appendfsync, run `flagmeter audit`, and compare with"+
		" your clients' logs from the last flush on.",
		"shard", shard, "id", lost.ID, "reason", lost.Reason, "noticed", noticed,
		"last_flush", lastFlush, "position", lost.Position, "position_known", lost.HighWater,
		"raw_batches", len(lost.Raw), "sum_batches", len(lost.Sums))
}
