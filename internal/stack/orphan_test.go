package stack

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// parentDir makes the test binary the parent that TestParentKilled kills. It names the
// persistent directory of its stack, or is "temporary".
const parentDir = "FLAGMETER_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		os.Exit(parent(dir))
	}
	os.Exit(m.Run())
}

// parent starts a stack, prints the process ids of its servers and waits to be killed.
func parent(dir string) int {
	o := Options{Dir: dir, Valkey: true, Postgres: true, Fast: true}
	if dir == "temporary" {
		o.Dir = ""
	}
	s, err := Start(context.Background(), o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("pids", pidOfPostgres(s), pidOfValkey(s))
	select {}
}

func TestParentKilled(t *testing.T) {
	for _, kind := range []string{"temporary", "persistent"} {
		t.Run(kind, func(t *testing.T) {
			tmp, dir := t.TempDir(), "temporary"
			if kind == "persistent" {
				dir = t.TempDir()
			}
			pids := killParent(t, tmp, dir)
			for _, pid := range pids {
				waittest.Until(t, fmt.Sprintf("end of server process %d", pid), func() bool {
					return !running(pid)
				})
			}
			waittest.Until(t, "removal of the temporary directory", func() bool {
				left, err := filepath.Glob(filepath.Join(tmp, "*"))
				return err == nil && len(left) == 0
			})
			if kind == "persistent" {
				// Its servers were stopped in order, and the directory is free again.
				var s *Stack
				waittest.Succeeds(t, "start in the directory that is free again", func() (err error) {
					s, err = Start(t.Context(), Options{Dir: dir, Valkey: true, Postgres: true, Fast: true})
					return err
				})
				if log, err := os.ReadFile(filepath.Join(dir, "postgres", "log")); err != nil ||
					strings.Contains(string(log), "not properly shut down") {
					t.Errorf("Postgres had to recover (%v):\n%s", err, log)
				}
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// killParent starts a process that starts a stack, kills it with -9 and returns the process
// ids of the servers.
func killParent(t *testing.T, tmp, dir string) [2]int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), parentDir+"="+dir, "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var pids [2]int
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if n, _ := fmt.Sscanf(lines.Text(), "pids %d %d", &pids[0], &pids[1]); n == 2 {
			break
		}
	}
	if pids[0] == 0 || !running(pids[0]) || !running(pids[1]) {
		t.Fatalf("the parent did not start its servers:\n%s", &said)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	return pids
}
