package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/config"
)

// Keep says which backups stay: the newest Count of them, or those younger than Age.
type Keep struct {
	Count int
	Age   time.Duration
}

// ParseKeep reads what [config.ParseKeep] does.
func ParseKeep(s string) (Keep, error) {
	count, age, err := config.ParseKeep(s)
	return Keep{count, age}, err
}

const (
	// unfinished begins the name of a file that is being written.
	unfinished = ".unfinished-"
	// orphaned is the age from which a dump without a manifest, and a temporary file, belong to
	// a process that has died.
	orphaned = 24 * time.Hour
)

// over are the backups that need not be kept, of all, oldest first. A damaged one does not
// count, and never is the reason for which a good one goes: the newest good one stays.
func (k Keep) over(all []Backup, now time.Time) (over []Backup) {
	newer := 0 // good ones
	for i := len(all) - 1; i >= 0; i-- {
		b := all[i]
		old := k.Age > 0 && now.Sub(taken(b)) >= k.Age || k.Count > 0 && newer >= k.Count
		if old && newer > 0 {
			over = append(over, b)
		}
		if b.Fault == nil {
			newer++
		}
	}
	return over
}

// taken is when a backup was made, also if its manifest cannot be read.
func taken(b Backup) time.Time {
	t, _ := time.Parse(nameLayout, b.Name)
	return t
}

// Prune deletes what need not be kept and returns the names.
func Prune(ctx context.Context, t Target, k Keep, now time.Time) (deleted []string, err error) {
	all, err := List(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, b := range k.over(all, now) {
		if err := errors.Join(t.Delete(ctx, b.Name+manifestSuffix), t.Delete(ctx, b.Name+signatureSuffix),
			t.Delete(ctx, b.Name+dumpSuffix)); err != nil {
			return deleted, fmt.Errorf("delete old backup: %w", err)
		}
		deleted = append(deleted, b.Name)
	}
	return deleted, pruneOrphans(ctx, t, now)
}

// pruneOrphans deletes what a process that died has left.
func pruneOrphans(ctx context.Context, t Target, now time.Time) error {
	files, err := t.List(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name] = true
	}
	for _, f := range files {
		name, part := strings.CutSuffix(f.Name, dumpSuffix)
		if !part {
			name, part = strings.CutSuffix(f.Name, signatureSuffix)
		}
		orphan := part && isName.MatchString(name) && !there[name+manifestSuffix] ||
			strings.HasPrefix(f.Name, unfinished)
		if orphan && now.Sub(f.Modified) >= orphaned {
			if err := t.Delete(ctx, f.Name); err != nil {
				return fmt.Errorf("delete unfinished backup: %w", err)
			}
		}
	}
	return nil
}
