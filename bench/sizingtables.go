package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Markers of the tables in docs/SIZING.md.
const (
	sizingBegin = "<!-- begin of the tables that make sizing writes -->\n"
	sizingEnd   = "<!-- end of the tables -->\n"
)

// Days that rows are kept by default: EVENTS_RETENTION and ROLLUPS_RETENTION.
const eventsDays, rollupsDays = 90, 400

// sizingTables are the points as measured, and what follows of them for memory and disk.
func sizingTables(known map[string]point, circumstances string) string {
	points := slices.SortedFunc(maps.Values(known), func(a, b point) int {
		return cmp.Or(cmp.Compare(a.Rate, b.Rate), cmp.Compare(a.Tenants, b.Tenants))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "\nThe last run: %s\n\n### Processor, as a share of one core\n\n", circumstances)
	header(&b, slices.Concat([]string{"requests/s", "tenants"}, processes, []string{"all", "p99"}))
	for _, p := range points {
		fmt.Fprintf(&b, "| %s | %s |", thousands(p.Rate), thousands(p.Tenants))
		sum := 0.0
		for _, name := range processes {
			sum += p.CPU[name]
			fmt.Fprintf(&b, " %.1f %% |", 100*p.CPU[name])
		}
		fmt.Fprintf(&b, " %.1f %% | %s |\n", 100*sum, millis(p.P99))
	}
	b.WriteString("\n### Memory (PSS)\n\n")
	header(&b, slices.Concat([]string{"requests/s", "tenants"}, processes, []string{"all"}))
	for _, p := range points {
		fmt.Fprintf(&b, "| %s | %s |", thousands(p.Rate), thousands(p.Tenants))
		sum := 0
		for _, name := range processes {
			sum += p.PSS[name]
			fmt.Fprintf(&b, " %s |", mebibytes(p.PSS[name]))
		}
		fmt.Fprintf(&b, " %s |\n", mebibytes(sum))
	}
	b.WriteString("\n### Bytes of an event\n\n")
	header(&b, []string{"requests/s", "tenants", "waiting in Valkey", "written to the AOF",
		"written to the WAL", "kept in events", "a row of rollups"})
	for _, p := range points {
		stored := "-"
		if p.Stored > 0 {
			stored = fmt.Sprintf("%.0f", p.Stored)
		}
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f | %s | %s | %.0f |\n", thousands(p.Rate),
			thousands(p.Tenants), p.Waiting, p.AOF, thousands(int(p.WAL)), stored, p.Rollup)
	}
	var stored, rollup []float64
	for _, p := range points {
		if p.Stored > 0 {
			stored = append(stored, p.Stored)
		}
		rollup = append(rollup, p.Rollup)
	}
	fmt.Fprintf(&b, "\n### Disk after %d days of events and %d days of rollups\n\n",
		eventsDays, rollupsDays)
	header(&b, []string{"requests/s, all day", "tenants", "events a month", "events",
		"rows of rollups a minute", "rollups", "all", "fits on"})
	for _, p := range points {
		perDay := float64(p.Rate) * 86400
		events := perDay * eventsDays * median(stored)
		rows := rowsPerMinute(float64(p.Rate)*60, float64(p.Tenants*sizingFeatures))
		rollups := rows * 1440 * rollupsDays * median(rollup)
		fmt.Fprintf(&b, "| %s | %s | %s M | %s | %s | %s | %s | %s |\n",
			thousands(p.Rate), thousands(p.Tenants), thousands(int(perDay*30/1e6)),
			gigabytes(events), thousands(int(rows)), gigabytes(rollups),
			gigabytes(events+rollups), fits(events+rollups))
	}
	b.WriteString("\n")
	return b.String()
}

func header(b *strings.Builder, names []string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
}

// rowsPerMinute is how many of the counters a minute's events are expected to touch, if each
// falls on any of them with the same chance.
func rowsPerMinute(events, counters float64) float64 {
	return counters * -math.Expm1(events*math.Log1p(-1/counters))
}

// fits names the smallest disk of a VPS of which the bytes take no more than 70 %: the rest
// is for the system, the logs of both stores and a backup under way.
func fits(bytes float64) string {
	for _, disk := range []int{40, 80, 160} {
		if bytes <= 0.7e9*float64(disk) {
			return fmt.Sprintf("%d GB", disk)
		}
	}
	return "**none of 40, 80, 160 GB**"
}

func gigabytes(bytes float64) string {
	if bytes < 10e9 {
		return fmt.Sprintf("%.1f GB", bytes/1e9)
	}
	return thousands(int(bytes/1e9)) + " GB"
}
