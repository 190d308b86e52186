package stack

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestStopLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := mustStart(t, Options{Valkey: true, Postgres: true, Fast: true})
	pids := []int{pidOfPostgres(s), pidOfValkey(s)}
	dir := s.dir.path
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if pid == 0 || running(pid) {
			t.Errorf("process %d still runs", pid)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("temporary directory: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("second Stop: %v", err)
	}
}

func TestServersAreSetUpForMetering(t *testing.T) {
	s := mustStart(t, Options{Valkey: true, Postgres: true})
	db, client := clients(t, s)
	for name, want := range map[string]string{
		"server_encoding": "UTF8", "TimeZone": "UTC", "fsync": "on", "full_page_writes": "on",
		"synchronous_commit": "on", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
	} {
		var got string
		if err := db.QueryRowContext(t.Context(), "SELECT current_setting($1)",
			name).Scan(&got); err != nil || got != want {
			t.Errorf("Postgres: %s = %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": "",
		"databases": "4096", "bind": "127.0.0.1",
	} {
		if got, err := client.ConfigGet(t.Context(), name).Result(); err != nil || got[name] != want {
			t.Errorf("Valkey: %s = %q, %v; want %q", name, got[name], err, want)
		}
	}
}

func TestCtrlCDoesNotReachTheServers(t *testing.T) {
	s := mustStart(t, Options{Valkey: true, Postgres: true, Fast: true})
	for _, pid := range []int{pidOfValkey(s), pidOfPostgres(s)} {
		group, err := syscall.Getpgid(pid)
		if err != nil {
			t.Fatal(err)
		}
		if group == syscall.Getpgrp() {
			t.Errorf("process %d is in the group of this process, %d", pid, group)
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s := mustStart(t, Options{Valkey: true, Postgres: true, Fast: true})
	opt, err := redis.ParseURL(s.ValkeyURL)
	if err != nil {
		t.Fatal(err)
	}
	opt.Password = ""
	client := redis.NewClient(opt)
	defer client.Close()
	if err := client.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("Valkey without a password: %v", err)
	}
	_, rest, _ := strings.Cut(s.DatabaseURL, "@")
	if err := askPostgres(t.Context(), "postgres://"+postgresUser+":wrong@"+rest,
		"SELECT 1"); err == nil {
		t.Error("Postgres takes a wrong password")
	}
}

func TestPersistentDirectoryKeepsData(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "data"), Valkey: true, Postgres: true, Fast: true}
	s := mustStart(t, o)
	write(t, s, "first")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = mustStart(t, o)
	if got := read(t, s); got != "first first" {
		t.Errorf("after a new start Valkey and Postgres have %q", got)
	}
	for _, name := range []string{"valkey/password", "valkey/valkey.conf", "postgres/password"} {
		info, err := os.Stat(filepath.Join(o.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others: mode %v", name, info.Mode())
		}
	}
}

func TestPersistentDirectoryIsForOneStack(t *testing.T) {
	o := Options{Dir: t.TempDir(), Valkey: true}
	mustStart(t, o)
	second, err := Start(t.Context(), o)
	if err == nil {
		second.Stop()
		t.Fatal("a second stack started in the same directory")
	}
	if !strings.Contains(err.Error(), o.Dir+" is in use") {
		t.Errorf("error does not say what is wrong: %v", err)
	}
}

func TestKillLosesNothingAcknowledged(t *testing.T) {
	s := mustStart(t, Options{Valkey: true, Postgres: true, Fast: true})
	write(t, s, "acknowledged")
	before := [2]string{s.ValkeyURL, s.DatabaseURL}
	s.Valkey.Kill()
	s.Postgres.Kill()
	if pingValkey(t.Context(), s.ValkeyURL) == nil || askPostgres(t.Context(), s.DatabaseURL,
		"SELECT 1") == nil {
		t.Error("a killed server answers")
	}
	for _, server := range []*Server{s.Valkey, s.Postgres} {
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, s); got != "acknowledged acknowledged" {
		t.Errorf("after kill -9 Valkey and Postgres have %q", got)
	}
	if after := [2]string{s.ValkeyURL, s.DatabaseURL}; after != before {
		t.Errorf("addresses changed")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("Stop after Restart: %v", err)
	}
}

func TestRestartStopsARunningServer(t *testing.T) {
	s := mustStart(t, Options{Valkey: true, Fast: true})
	old := pidOfValkey(s)
	if err := s.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if running(old) {
		t.Errorf("the old process %d still runs", old)
	}
	if pid := pidOfValkey(s); pid == 0 || pid == old {
		t.Errorf("process %d after %d", pid, old)
	}
}

func TestStopReportsACrash(t *testing.T) {
	s := mustStart(t, Options{Valkey: true})
	if err := syscall.Kill(pidOfValkey(s), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Valkey.proc.gone
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "valkey-server ended") {
		t.Errorf("Stop after a crash: %v", err)
	}
}

// mustStart starts a stack that is stopped at the end of the test.
func mustStart(t *testing.T, o Options) *Stack {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

// clients opens both stores of s; those that s does not run fail at their first use.
func clients(t *testing.T, s *Stack) (*sql.DB, *redis.Client) {
	t.Helper()
	db, err := sql.Open("postgres", s.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	opt, err := redis.ParseURL(s.ValkeyURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opt)
	t.Cleanup(func() { client.Close() })
	return db, client
}

func write(t *testing.T, s *Stack, text string) {
	t.Helper()
	db, client := clients(t, s)
	if err := client.Set(t.Context(), "kept", text, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(),
		"CREATE TABLE kept AS SELECT '"+text+"'::text AS text"); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *Stack) string {
	t.Helper()
	db, client := clients(t, s)
	inValkey, err := client.Get(t.Context(), "kept").Result()
	if err != nil {
		t.Fatal(err)
	}
	var inPostgres string
	if err := db.QueryRowContext(t.Context(), "SELECT text FROM kept").Scan(&inPostgres); err != nil {
		t.Fatal(err)
	}
	return inValkey + " " + inPostgres
}

// pidOfPostgres is the process id of the postmaster; 0 when it does not run.
func pidOfPostgres(s *Stack) int {
	b, _ := os.ReadFile(filepath.Join(s.Postgres.room.path, "data", "postmaster.pid"))
	return firstNumber(string(b))
}

// pidOfValkey is the process id that Valkey tells; 0 when it does not answer.
func pidOfValkey(s *Stack) int {
	opt, err := redis.ParseURL(s.ValkeyURL)
	if err != nil {
		return 0
	}
	client := redis.NewClient(opt)
	defer client.Close()
	info, _ := client.InfoMap(context.Background(), "server").Result()
	return firstNumber(info["Server"]["process_id"])
}

// running reports whether a process exists.
func running(pid int) bool { return syscall.Kill(pid, 0) != syscall.ESRCH }
