package main

import (
	"context"
	"time"
)

// processes are the names of FlagMeter's processes and of the stores, as in the tables.
var processes = []string{"ingest", "flusher", "alerter", "valkey", "postgres"}

// pids are the process ids of the roles and of the stores, by name.
func (r *rig) pids(ctx context.Context, f flagmeter) (map[string]int, error) {
	valkey, postgres, err := r.storePIDs(ctx)
	return map[string]int{
		"ingest": f.ingest.pid(), "flusher": f.flusher.pid(), "alerter": f.alerter.pid(),
		"valkey": valkey, "postgres": postgres,
	}, err
}

// usedEach is what each process has used.
func usedEach(pids map[string]int) (map[string]usage, error) {
	each := map[string]usage{}
	for name, pid := range pids {
		u, err := used(pid)
		if err != nil {
			return nil, err
		}
		each[name] = u
	}
	return each, nil
}

// since is the share of a core that each process took in a time, and its memory now.
func since(pids map[string]int, before map[string]usage, elapsed time.Duration) (
	cpu map[string]float64, pss map[string]int, err error) {
	now, err := usedEach(pids)
	if err != nil {
		return nil, nil, err
	}
	cpu, pss = map[string]float64{}, map[string]int{}
	for name, u := range now {
		cpu[name] = (u.cpu - before[name].cpu).Seconds() / elapsed.Seconds()
		pss[name] = u.pss
	}
	return cpu, pss, nil
}
