package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// k6 runs a script of k6 against roles of its own, each a process, and prints what each took.
func k6(ctx context.Context, r *rig, script string) error {
	f, err := r.flagmeter(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	pids, err := r.pids(ctx, f)
	if err != nil {
		return err
	}
	before, err := usedEach(pids)
	if err != nil {
		return err
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, "sh", "k6/run.sh", "run", "--quiet", "--no-color",
		"--address", "", script)
	cmd.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true",
		"URL=http://"+f.ingest.addr, "TENANT="+tenant)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	failed := cmd.Run()
	cpu, pss, err := since(pids, before, time.Since(start))
	if err != nil {
		return err
	}
	fmt.Printf("  %-10s%16s%16s\n", "process", "of a core", "memory (PSS)")
	for _, name := range processes {
		fmt.Printf("  %-10s%16s%16s\n", name, fmt.Sprintf("%.1f %%", 100*cpu[name]), mebibytes(pss[name]))
	}
	if failed != nil {
		return fmt.Errorf("run %s: %w", script, failed)
	}
	return nil
}
