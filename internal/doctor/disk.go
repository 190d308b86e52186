package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/dustin/go-humanize"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

const (
	// diskLow and diskFull are shares of a disk that are free, in percent. A disk that is full
	// makes Valkey refuse events and Postgres stop.
	diskLow, diskFull = 15, 5
	// daysLow is how many days of growth must be left.
	daysLow = 14
)

// space is a file system.
type space struct{ free, total uint64 }

func spaceOf(path string) (space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return space{}, fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	return space{free: s.Bavail * uint64(s.Bsize), total: s.Blocks * uint64(s.Bsize)}, nil
}

// judgeDisk judges the disk of path, which fills by perDay bytes; 0 if that is not known.
func judgeDisk(name, path string, s space, perDay uint64, advice string) []Finding {
	if s.total == 0 {
		return one(name, Skip, path+" is on a file system that does not tell its size", "")
	}
	share := s.free * 100 / s.total
	text := fmt.Sprintf("%s of %s free (%d %%) below %s",
		humanize.IBytes(s.free), humanize.IBytes(s.total), share, path)
	days := uint64(1 << 62)
	if perDay > 0 {
		days = s.free / perDay
		text += fmt.Sprintf(", %s more a day", humanize.IBytes(perDay))
	}
	switch {
	case share < diskFull || days < 2:
		return one(name, Fail, text, advice)
	case share < diskLow || days < daysLow:
		return one(name, Warn, text, advice)
	}
	return ok(name, text)
}

// local reports whether a store's URL leads to this machine.
func local(raw config.Secret) bool {
	u, err := url.Parse(string(raw))
	if err != nil {
		return false
	}
	return config.IsLoopback(u.Hostname()) ||
		u.Hostname() == "" && strings.HasPrefix(u.Query().Get("host"), "/")
}

func (p *Patient) valkeyDisk(ctx context.Context) []Finding {
	const name = "valkey's disk"
	if !local(p.Config.ValkeyURL) {
		return one(name, Skip, "on another machine or in another container",
			"type there: df -h $(valkey-cli CONFIG GET dir | tail -1)")
	}
	return p.eachNode(ctx, name, func(n node) []Finding {
		dir := n.config["dir"]
		if dir == "" {
			return one(name, Skip, "this account is not told where valkey writes, as it should be",
				"type, as an administrator: df -h $(valkey-cli CONFIG GET dir | tail -1)")
		}
		s, err := spaceOf(dir)
		if err != nil {
			return unknown(name, err)
		}
		// A rewrite puts the new file beside the old one.
		aof, _ := strconv.ParseUint(n.info["aof_current_size"], 10, 64)
		if s.free < 2*aof {
			return one(name, Fail, fmt.Sprintf("%s free below %s: no room to rewrite an append-only"+
				" file of %s", humanize.IBytes(s.free), dir, humanize.IBytes(aof)), "free or add disk space")
		}
		return judgeDisk(name, dir, s, 0, "free or add disk space: df -h "+dir)
	})
}

// postgresDisk is the disk of Postgres, and how fast the database grows: as yesterday's events,
// with their indexes.
func (p *Patient) postgresDisk(ctx context.Context) []Finding {
	const name = "postgres' disk"
	var size struct{ Database, Yesterday int64 }
	yesterday := "public.events_" + p.Now().UTC().AddDate(0, 0, -1).Format("20060102")
	if err := p.DB.GetContext(ctx, &size, `SELECT pg_database_size(current_database()) AS database,
		coalesce(pg_total_relation_size(to_regclass($1)), 0) AS yesterday`, yesterday); err != nil {
		return unknown(name, err)
	}
	grown := fmt.Sprintf("the database has %s, yesterday's events %s",
		humanize.IBytes(uint64(size.Database)), humanize.IBytes(uint64(size.Yesterday)))
	all := ok("database size", grown)
	if !local(p.Config.DatabaseURL) {
		return append(all, one(name, Skip, "on another machine or in another container",
			`type there: df -h "$(psql -Atc 'SHOW data_directory')"`)...)
	}
	dir, err := p.dataDirectory(ctx)
	if err != nil {
		return append(all,
			one(name, Skip, "this role is not told where the data are", "psql, as an administrator:"+
				" GRANT pg_read_all_settings TO flagmeter_app; or type: df -h /var/lib/postgresql")...)
	}
	s, err := spaceOf(dir)
	if err != nil {
		return append(all, unknown(name, err)...)
	}
	return append(all, judgeDisk(name, dir, s, uint64(size.Yesterday),
		"add disk space, or keep events for a shorter time (EVENTS_RETENTION): df -h "+dir)...)
}

// dataDirectory is where Postgres keeps its data, or the nearest directory above that may be
// looked at, which as a rule is on the same disk.
func (p *Patient) dataDirectory(ctx context.Context) (string, error) {
	var dir string
	if err := p.DB.GetContext(ctx, &dir, "SHOW data_directory"); err != nil {
		return "", fmt.Errorf("ask where the data are: %w", err)
	}
	for {
		_, err := os.Stat(dir)
		if !errors.Is(err, fs.ErrPermission) || dir == filepath.Dir(dir) {
			return dir, nil // it is there, or it is not on this machine: statfs will say so
		}
		dir = filepath.Dir(dir)
	}
}
