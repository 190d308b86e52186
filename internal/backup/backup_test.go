package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

func TestABackupComesBackAsItWas(t *testing.T) {
	env := filled(t)
	d, m := made(t, env)
	if m.Sums.Events != 3000 || m.Sums.Tokens.String() != "4501500" || m.Sums.Tenants != 3 ||
		m.Sums.LedgerSeqs[0].Position != 42 ||
		m.Program != "v1" || len(m.Migrations) < 7 || m.Size == 0 || len(m.SHA256) != 64 {
		t.Errorf("manifest %+v", m)
	}
	found, err := Find(t.Context(), d, "latest")
	if err != nil || found.SHA256 != m.SHA256 {
		t.Fatalf("latest is %+v, %v", found, err)
	}
	to := empty(t, env)
	if err := Restore(t.Context(), d, found, Trust{}, to); err != nil {
		t.Fatal(err)
	}
	if n := count(t, to, "SELECT sum(tokens) FROM events"); n != 4501500 {
		t.Errorf("%d tokens restored", n)
	}
	if err := Restore(t.Context(), d, found, Trust{}, to); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a second restore into it: %v", err)
	}
	files, err := d.List(t.Context())
	if err != nil || len(files) != 2 {
		t.Errorf("files %+v, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(filepath.Join(d.path, f.Name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f.Name, info.Mode(), err)
		}
	}
}

// The dump must be of the manifest's snapshot although events come in meanwhile.
func TestADumpIsOfTheSnapshotOfItsSums(t *testing.T) {
	env := filled(t)
	d := directory{t.TempDir()}
	between := &writing{directory: d, before: func() {
		_, err := env.DB.Exec("INSERT INTO events (id, tenant, feature, tokens, created_at)" +
			" VALUES (gen_random_uuid(), 'acme', 'chat', 5, now())")
		if err != nil {
			t.Error(err)
		}
	}}
	m := makeOne(t, env, between)
	to := empty(t, env)
	if err := Restore(t.Context(), d, m, Trust{}, to); err != nil {
		t.Fatal(err)
	}
	// one ahead of the dump, one of the manifest
	if n := count(t, env.OwnerURL, "SELECT count(*) FROM events"); n != 3002 {
		t.Errorf("%d events in the source", n)
	}
}

// writing calls before ahead of each Put.
type writing struct {
	directory
	before func()
}

func (w *writing) Put(ctx context.Context, name string, r io.Reader) error {
	w.before()
	return w.directory.Put(ctx, name, r)
}

func TestADamagedDumpIsNotRestored(t *testing.T) {
	env := filled(t)
	d, m := made(t, env)
	change(t, filepath.Join(d.path, m.Name+dumpSuffix))
	to := empty(t, env)
	if err := Restore(t.Context(), d, m, Trust{}, to); !errors.Is(err, ErrChecksum) {
		t.Errorf("restore: %v", err)
	}
	n := count(t, to, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
	if n != 0 {
		t.Errorf("%d relations were made", n)
	}
}

func TestARestoredDatabaseThatDiffersIsFoundOut(t *testing.T) {
	env := filled(t)
	d, m := made(t, env)
	m.Sums.Events++
	if err := Restore(t.Context(), d, m, Trust{}, empty(t, env)); err == nil ||
		!strings.Contains(err.Error(), "events: 3001 in the manifest, 3000 in the database") {
		t.Errorf("restore: %v", err)
	}
}

func TestABackupOfANewerPostgresIsNotRestored(t *testing.T) {
	env := filled(t)
	d, m := made(t, env)
	m.Postgres = "99.1"
	if err := Restore(t.Context(), d, m, Trust{}, empty(t, env)); err == nil ||
		!strings.Contains(err.Error(), "was made of 99") {
		t.Errorf("restore: %v", err)
	}
	_, err := find(t.Context(), pgDump, 99)
	if err == nil || !strings.Contains(err.Error(), "install the client programs of Postgres 99") {
		t.Errorf("pg_dump for it: %v", err)
	}
}

func TestAnUnfinishedBackupIsNone(t *testing.T) {
	env := filled(t)
	d := directory{t.TempDir()}
	ctx := t.Context()
	// The target fails, and pg_dump is stopped on its way.
	if err := d.Put(ctx, "20260310T030000.000Z.dump",
		iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("put: %v", err)
	}
	failing := Source{URL: env.DatabaseURL} // may not read everything
	if _, err := env.DB.Exec("CREATE TABLE private (n int); INSERT INTO private VALUES (1)"); err !=
		nil {
		t.Fatal(err)
	}
	if _, err := failing.Make(ctx, d); err == nil ||
		!strings.Contains(err.Error(), "permission denied") {
		t.Errorf("backup by somebody who may not read: %v", err)
	}
	if files, err := d.List(ctx); err != nil || len(files) != 0 {
		t.Errorf("left: %+v, %v", files, err)
	}
	if _, err := Find(ctx, d, "latest"); !errors.Is(err, ErrNone) {
		t.Errorf("latest: %v", err)
	}
}

func TestVerifyRestoresAndAuditsAScratchDatabase(t *testing.T) {
	env := filled(t)
	d, m := made(t, env)
	report, err := Verify(t.Context(), d, m, Trust{}, "")
	if err != nil || !report.Clean() || report.Rows == 0 || report.Moving != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := env.DB.Exec("UPDATE rollups SET total_tokens = total_tokens + 7" +
		" WHERE tenant = 'acme' AND minute = (SELECT min(minute) FROM rollups)"); err != nil {
		t.Fatal(err)
	}
	report, err = Verify(t.Context(), d, makeOne(t, env, d), Trust{}, "")
	if err != nil || report.RollupsDrift()[meter.Tokens] != 7 {
		t.Errorf("drift of 7 tokens: %+v, %v", report, err)
	}
}

func TestKeep(t *testing.T) {
	now := time.Date(2026, 3, 15, 3, 0, 0, 0, time.UTC)
	ago := func(days int, fault error) Backup {
		name := now.Add(-time.Duration(days) * 24 * time.Hour).Format(nameLayout)
		return Backup{Manifest: Manifest{Name: name}, Fault: fault}
	}
	bad := errors.New("damaged")
	for _, tt := range []struct {
		what, keep string
		all        []Backup
		over       int // from the oldest on
	}{
		{"nothing", "14d", nil, 0},
		{"young ones", "14d", []Backup{ago(13, nil), ago(1, nil)}, 0},
		{"old ones", "14d", []Backup{ago(20, nil), ago(14, nil), ago(13, nil)}, 2},
		{"the last good one, though old", "14d", []Backup{ago(30, nil), ago(20, nil)}, 1},
		{"the last good one before damaged ones", "14d",
			[]Backup{ago(30, nil), ago(20, nil), ago(2, bad), ago(1, bad)}, 1},
		{"hours", "36h", []Backup{ago(2, nil), ago(1, nil)}, 1},
		{"a number", "2", []Backup{ago(3, nil), ago(2, nil), ago(1, nil)}, 1},
		{"a number of good ones", "2", []Backup{ago(4, nil), ago(3, nil), ago(2, bad), ago(1, nil)}, 1},
		{"damaged ones alone", "1", []Backup{ago(40, bad), ago(30, bad)}, 0},
	} {
		k, err := ParseKeep(tt.keep)
		if err != nil {
			t.Fatal(err)
		}
		over := k.over(tt.all, now)
		slices.Reverse(over)
		if len(over) != tt.over ||
			!slices.EqualFunc(over, tt.all[:tt.over], func(a, b Backup) bool { return a.Name == b.Name }) {
			t.Errorf("%s: %d are over, want %d", tt.what, len(over), tt.over)
		}
	}
	for _, s := range []string{"", "0", "0d", "d", "14 d", "-1", "14w", "1.5d"} {
		if _, err := ParseKeep(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestPruneLeavesNothingHalfThere(t *testing.T) {
	d := directory{t.TempDir()}
	ctx, now := t.Context(), time.Now()
	var names []string
	for _, days := range []int{30, 20, 1} {
		m := Manifest{Name: now.UTC().Add(-time.Duration(days) * 24 * time.Hour).Format(nameLayout),
			Size: 4, SHA256: "-"}
		err := errors.Join(d.Put(ctx, m.Name+dumpSuffix, strings.NewReader("dump")), m.write(ctx, d, nil))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, m.Name)
	}
	// A dump of a process that died, one that is being made, and a file of somebody else.
	for name, age := range map[string]time.Duration{
		"20260101T030000.000Z.dump": 25 * time.Hour, "20260102T030000.000Z.dump": time.Hour,
		unfinished + "1": 25 * time.Hour, "notes.dump": 25 * time.Hour,
	} {
		path := filepath.Join(d.path, name)
		err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, now.Add(-age), now.Add(-age)))
		if err != nil {
			t.Fatal(err)
		}
	}
	deleted, err := Prune(ctx, d, Keep{Age: 14 * 24 * time.Hour}, now)
	if err != nil || len(deleted) != 2 {
		t.Errorf("deleted %v, %v", deleted, err)
	}
	files, err := d.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, f := range files {
		left = append(left, f.Name)
	}
	want := []string{"20260102T030000.000Z.dump", names[2] + dumpSuffix, names[2] + manifestSuffix,
		"notes.dump"}
	if !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

func TestAPasswordIsNoArgument(t *testing.T) {
	for _, address := range []string{
		"postgres://me:geheim@127.0.0.1:5432/db?sslmode=disable",
		"postgres://me@127.0.0.1/db?password=geheim",
	} {
		shown, environ, err := connection(address)
		if err != nil || strings.Contains(shown, "geheim") ||
			!slices.Contains(environ, "PGPASSWORD=geheim") {
			t.Errorf("%s: %q, %v", address, shown, err)
		}
	}
}
