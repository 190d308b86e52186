package main

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// usage is what processes have used: time on a processor so far, and resident memory now.
type usage struct {
	cpu time.Duration
	rss int // bytes
	// pss is the same with a page that n processes share counted as an nth for each: the
	// sum of RSS has Postgres' buffers once for every connection.
	pss int
}

// used adds up the processes with the given ids and all their children.
func used(pids ...int) (usage, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return usage{}, fmt.Errorf("list processes: %w", err)
	}
	parent := map[int]int{}
	stats := map[procfs.Proc]procfs.ProcStat{}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil { // else it has just ended
			parent[p.PID], stats[p] = stat.PPID, stat
		}
	}
	var sum usage
	for p, stat := range stats {
		for at := p.PID; at > 1; at = parent[at] {
			if slices.Contains(pids, at) {
				sum.cpu += time.Duration(stat.CPUTime() * float64(time.Second))
				sum.rss += stat.ResidentMemory()
				if maps, err := p.ProcSMapsRollup(); err == nil {
					sum.pss += int(maps.Pss)
				}
				break
			}
		}
	}
	return sum, nil
}

// processorTime is what a process has used on its own, without its children.
func (p *process) processorTime() (time.Duration, error) {
	proc, err := procfs.NewProc(p.pid())
	if err != nil {
		return 0, fmt.Errorf("find a process: %w", err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return 0, fmt.Errorf("ask for processor time: %w", err)
	}
	return time.Duration(stat.CPUTime() * float64(time.Second)), nil
}

// ownProcessorTime is what this process has used so far.
func ownProcessorTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("ask for own processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
