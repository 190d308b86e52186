package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDisk(t *testing.T) {
	const gb = 1 << 30
	for _, tt := range []struct {
		free, total, perDay uint64
		want                Status
	}{
		{500 * gb, 1000 * gb, 0, OK}, {150 * gb, 1000 * gb, gb, OK}, {149 * gb, 1000 * gb, 0, Warn},
		{49 * gb, 1000 * gb, 0, Fail},
		{500 * gb, 1000 * gb, 40 * gb, Warn}, {500 * gb, 1000 * gb, 300 * gb, Fail}, {0, 0, 0, Skip},
	} {
		f := judgeDisk("disk", "/data", space{tt.free, tt.total}, tt.perDay, "free it")[0]
		if f.Status != tt.want || (f.Advice == "free it") != (tt.want == Warn || tt.want == Fail) {
			t.Errorf("%d of %d free, %d a day: %+v", tt.free/gb, tt.total/gb, tt.perDay/gb, f)
		}
	}
	if s, err := spaceOf(t.TempDir()); err != nil || s.free == 0 || s.free > s.total {
		t.Errorf("this disk: %+v, %v", s, err)
	}
	if _, err := spaceOf("/nowhere"); err == nil {
		t.Error("a directory that does not exist has space")
	}
}

func TestKernel(t *testing.T) {
	proc, sys := t.TempDir(), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func() string {
		var all []string
		for _, f := range kernelAt(proc, sys) {
			all = append(all, string(f.Status))
		}
		return strings.Join(all, " ")
	}
	if got := look(); got != "skip" {
		t.Errorf("no Linux: %s", got)
	}
	for _, tt := range []struct{ overcommit, huge, want string }{
		{"1\n", "always [madvise] never\n", "ok ok"}, {"0\n", "[always] madvise never\n", "warn warn"},
		{"1\n", "always madvise [never]\n", "ok ok"},
	} {
		write(filepath.Join(proc, "sys/vm/overcommit_memory"), tt.overcommit)
		write(filepath.Join(sys, "kernel/mm/transparent_hugepage/enabled"), tt.huge)
		if got := look(); got != tt.want {
			t.Errorf("%q %q: %s", tt.overcommit, tt.huge, got)
		}
	}
}
