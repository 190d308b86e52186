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

// end notes that the recovery of a shard has ended.
func (r *Recovery) end(shard int) {
	delete(r.recovering, shard)
	if len(r.recovering) == 0 {
		r.metrics.rewound.Set(0)
	}
}

// alarm logs once what has happened.
func (r *Recovery) alarm(ctx context.Context, shard int, lost scripts.Rewound) {
	if r.recovering[shard] == lost.ID {
		return
	}
	r.recovering[shard] = lost.ID
	if lost.Restored { // the operator has said so
		r.log.Warn("postgres was restored from a backup: what valkey still holds is brought into it now,"+
			" and events are accepted again when that is done",
			"shard", shard, "id", lost.ID, "position", lost.Position,
			"position_of_backup", lost.HighWater,
			"raw_batches", len(lost.Raw), "sum_batches", len(lost.Sums))
		return
	}
	if lost.Moved {
		r.log.Warn("SHARDS was changed: what postgres knows of event ids is brought into this shard now,"+
			" and events are accepted again when that is done", "shard", shard, "id", lost.ID)
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
	r.log.Error("VALKEY HAS LOST WRITES IT HAD ACKNOWLEDGED: older data were put back, or its append-only"+
		" file was cut. Events are refused until this is recovered, which begins now: everything left in"+
		" Valkey goes to Postgres, nothing twice, and sums are made again from events. Lost for good are"+
		" events that were acknowledged after the last flush before the loss. Check Valkey's volume and"+
		" appendfsync, run `flagmeter audit`, and compare with your clients' logs from the last flush on.",
		"shard", shard, "id", lost.ID, "reason", lost.Reason, "noticed", noticed, "last_flush", lastFlush,
		"position", lost.Position, "position_known", lost.HighWater,
		"raw_batches", len(lost.Raw), "sum_batches", len(lost.Sums))
}
