package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// point is what a rate of single events, spread over a number of tenants, takes. Bytes are
// those of an event.
type point struct {
	Rate, Tenants int
	Events        int
	CPU           map[string]float64 // cores, by process
	PSS           map[string]int     // bytes, by process
	P99           time.Duration
	AOF           float64 // written to Valkey's append-only file
	WAL           float64 // written to Postgres' log
	Stored        float64 // in the table of events, with its indexes
	Waiting       float64 // in Valkey, of an event that is not flushed
	Rollup        float64 // of a row of rollups in Postgres, with its indexes
}

const (
	sizingWarm = 3 * time.Second
	sizingTurn = 15 * time.Second
	// enough events to tell the size of one from that of a page.
	enough         = 1000
	sizingFeatures = 10 // of a tenant
)

// sized is the workload of a point: events without ids, of the minute before.
func sized(tenants int) workload {
	w := workload{events: 1, tenants: tenants, features: sizingFeatures, ids: noIDs}
	w.newest, w.oldest = time.Minute, time.Minute+sizingTurn
	return w
}

// sizing measures the points, such as 10x1000 (requests a second x tenants), adds them to
// those in the file of results, and writes all into the document.
func sizing(ctx context.Context, r *rig, points, results, document string) error {
	began := time.Now()
	known := map[string]point{}
	text, err := os.ReadFile(results)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the results: %w", err)
	}
	if err := r.rewriteAt(ctx, "0"); err != nil { // the file is to grow, to see by how much
		return err
	}
	for name := range strings.SplitSeq(points, ",") {
		first, second, _ := strings.Cut(name, "x")
		perSecond, err1 := strconv.Atoi(first)
		tenants, err2 := strconv.Atoi(second)
		if err1 != nil || err2 != nil || perSecond < 1 || tenants < 2 {
			return fmt.Errorf("read -sizing: %q is not like 100x1000, requests a second x "+
				"at least 2 tenants", name)
		}
		p, err := r.size(ctx, perSecond, tenants)
		if err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
		known[name] = p
		if text, err = json.MarshalIndent(known, "", "  "); err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
		if err := os.WriteFile(results, text, 0o644); err != nil {
			return fmt.Errorf("write the results: %w", err)
		}
	}
	r.report.Took = time.Since(began)
	return replaceBetween(document, sizingBegin, sizingEnd,
		sizingTables(known, r.report.circumstances()))
}

// size measures a point.
func (r *rig) size(ctx context.Context, perSecond, tenants int) (p point, err error) {
	if err := r.empty(ctx, tenants); err != nil {
		return p, err
	}
	f, err := r.flagmeter(ctx)
	if err != nil {
		return p, err
	}
	defer f.stop()
	pids, err := r.pids(ctx, f)
	if err != nil {
		return p, err
	}
	// So few connections that none is idle for long: ingest closes those.
	l := load{connections: min(64, 2+perSecond/10), open: sized(tenants).open,
		duration: sizingWarm, perSecond: perSecond}
	warm, err := f.ingest.drive(ctx, l)
	if err != nil {
		return p, err
	}
	if err := r.stored(ctx, warm.requests); err != nil {
		return p, err
	}
	before, err := r.written(ctx)
	if err != nil {
		return p, err
	}
	already, err := usedEach(pids)
	if err != nil {
		return p, err
	}
	l.duration = sizingTurn
	o, err := f.ingest.drive(ctx, l)
	if err != nil {
		return p, err
	}
	if p.CPU, p.PSS, err = since(pids, already, o.elapsed); err != nil {
		return p, err
	}
	if err := r.stored(ctx, warm.requests+o.requests); err != nil {
		return p, err
	}
	after, err := r.written(ctx)
	if err != nil {
		return p, err
	}
	n := float64(o.requests)
	p.Rate, p.Tenants, p.Events, p.P99 = perSecond, tenants, o.requests, o.quantile(0.99)
	p.AOF, p.WAL = float64(after.aof-before.aof)/n, float64(after.wal-before.wal)/n
	if o.requests >= enough {
		p.Stored = float64(after.events-before.events) / n
	}
	f.flusher.stop()
	if p.Waiting, err = r.waiting(ctx, f.ingest, l); err != nil {
		return p, err
	}
	p.Rollup, err = r.rollup(ctx)
	return p, err
}

// written is how much the stores have written, in bytes.
type written struct{ aof, wal, events int }

// relation is the size of a table with its partitions and indexes.
const relation = `SELECT sum(pg_total_relation_size(relid))::bigint
	FROM pg_partition_tree('%s') WHERE isleaf`

func (r *rig) written(ctx context.Context) (w written, err error) {
	if w.aof, err = r.valkeyFigure(ctx, "persistence", "aof_current_size"); err != nil {
		return w, err
	}
	w.wal, err = r.ask(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
	if err != nil {
		return w, err
	}
	w.events, err = r.ask(ctx, fmt.Sprintf(relation, "events"))
	return w, err
}

// waiting is how much memory an event takes while no flusher runs.
func (r *rig) waiting(ctx context.Context, p *process, l load) (float64, error) {
	before, err := r.valkeyMemory(ctx)
	if err != nil {
		return 0, err
	}
	l.perSecond, l.duration = 1000, sizingWarm
	o, err := p.drive(ctx, l)
	if err != nil {
		return 0, err
	}
	after, err := r.valkeyMemory(ctx)
	return float64(after-before) / float64(o.requests), err
}

// rollup is the size of a row of rollups among 100,000, written a minute after the other.
func (r *rig) rollup(ctx context.Context) (float64, error) {
	const rows = 100_000
	if err := r.exec(ctx, "TRUNCATE rollups"); err != nil {
		return 0, err
	}
	if err := r.exec(ctx, `INSERT INTO rollups (tenant, feature, minute, total_tokens, events)
		SELECT tenant.name, 'feature-' || f,
			date_trunc('minute', now()) - m * interval '1 minute', 1500, 1
		FROM generate_series($1 / 100, 1, -1) AS m,
			(SELECT name FROM tenants ORDER BY name LIMIT 10) AS tenant, generate_series(0, 9) AS f
		ORDER BY m DESC`, rows); err != nil {
		return 0, err
	}
	size, err := r.ask(ctx, fmt.Sprintf(relation, "rollups"))
	if err != nil {
		return 0, err
	}
	n, err := r.ask(ctx, "SELECT count(*) FROM rollups")
	return float64(size) / float64(n), err
}
