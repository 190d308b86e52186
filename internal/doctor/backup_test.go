package doctor_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestBackups(t *testing.T) {
	t.Parallel()
	env := stacktest.New(t)
	dir := t.TempDir()
	found, _ := visit{}.examine(t, env)
	must(t, found, "backup/last backup", doctor.Skip, "BACKUP_TARGET is not set",
		"flagmeter backup list")
	in := map[string]string{"BACKUP_TARGET": filepath.Join(dir, "none")}
	found, _ = visit{settings: in}.examine(t, env)
	must(t, found, "backup/last backup", doctor.Fail, "cannot be looked at", "flagmeter backup")
	if _, err := os.Stat(in["BACKUP_TARGET"]); err == nil {
		t.Error("the directory was made")
	}
	in["BACKUP_TARGET"] = dir
	found, _ = visit{settings: in}.examine(t, env)
	must(t, found, "backup/last backup", doctor.Fail, "no good one", "flagmeter backup")

	const name = "20260309T030000.000Z"
	for ending, text := range map[string]string{
		".json": `{"name":"` + name + `","taken":"2026-03-09T03:00:00Z","sha256":"x","size":4}`,
		".dump": "dump",
	} {
		if err := os.WriteFile(filepath.Join(dir, name+ending), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for hours, status := range map[int]doctor.Status{1: doctor.OK, 40: doctor.Warn} {
		at := time.Date(2026, 3, 9, 3+hours, 0, 0, 0, time.UTC)
		found, _ = visit{settings: in, now: func() time.Time { return at }}.examine(t, env)
		must(t, found, "backup/last backup", status, name,
			map[doctor.Status]string{doctor.Warn: "flagmeter backup"}[status])
	}
}
