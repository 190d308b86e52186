package compose_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

// runValkey starts Valkey as its container does, and returns a client of the administrator.
func runValkey(t *testing.T, m *machine, s types.ServiceConfig) (*service, *redis.Client) {
	t.Helper()
	argv := append(m.args(s.Command), "--port", fmt.Sprint(m.valkey), "--bind", "127.0.0.1")
	if _, err := exec.LookPath("valkey-server"); err != nil {
		argv[slices.Index(argv, "valkey-server")] = "redis-server"
	}
	run := m.start(m.command(argv[0], argv[1:]...), time.Duration(*s.StopGracePeriod))
	admin := valkeyClient(t, m, "default", "valkey_admin_password")
	waittest.Succeeds(t, "reach Valkey", func() error { return admin.Ping(t.Context()).Err() })
	return run, admin
}

// valkeyClient is a client with the password in a secret; none without one.
func valkeyClient(t *testing.T, m *machine, name, secret string) *redis.Client {
	t.Helper()
	password := ""
	if secret != "" {
		password = read(t, m.dir+"/secrets/"+secret)
	}
	c := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", m.valkey), Username: name,
		Password: password, MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// TestTornTransactionIsCutOff cuts the append-only file at every byte of a transaction, runs what
// the container of Valkey runs first, in each shell there is, as the account of its data, and
// expects the transaction to be gone and nothing else. Then it starts the container's command.
func TestTornTransactionIsCutOff(t *testing.T) {
	valkey := load(t, "docker-compose.yml").Services["valkey"]
	m := newMachine(t)
	run, admin := runValkey(t, m, valkey) // the first start finds no file
	if err := admin.Set(t.Context(), "kept", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	file, before := appendOnlyFile(t, m)
	const count = `redis.call('INCR', KEYS[1]) redis.call('SET', KEYS[2], '\r\n' .. string.rep('x', 100)) return redis.call('INCR', KEYS[1])`
	if err := admin.Eval(t.Context(), count, []string{"a", "b"}).Err(); err != nil {
		t.Fatal(err)
	}
	_, whole := appendOnlyFile(t, m)
	_ = run.Process.Kill()
	_ = run.Wait()

	for _, shell := range shells(t) {
		for size := len(before); size <= len(whole); size++ {
			want := before
			if size == len(whole) {
				want = whole
			}
			m.mend(t, shell, file, whole[:size], want)
		}
		for name, damaged := range map[string][]byte{
			"half a transaction before a whole one": slices.Concat(before, whole[len(before):len(before)+15],
				whole[len(before):]),
			"a wrong byte in a line": bytes.Replace(whole, []byte("$4\r\nINCR"),
				[]byte("$4\rXINCR"), 1),
			"a length that is wrong": bytes.Replace(whole, []byte("$4\r\nINCR"),
				[]byte("$3\r\nINCR"), 1),
			"zeros behind the end": append(slices.Clone(whole), make([]byte, 64)...),
		} {
			if bytes.Equal(damaged, whole) {
				t.Fatalf("%s: nothing is damaged", name)
			}
			m.mend(t, shell, file, damaged, damaged)
		}
	}

	if err := os.WriteFile(file, whole[:len(whole)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	for want := int64(2); want < 8; want += 2 { // torn counts nothing, however often it starts
		run, admin = runValkey(t, m, valkey)
		got, err := admin.Eval(t.Context(), count, []string{"a", "b"}).Int64()
		if err != nil || got != want {
			t.Errorf("%d is counted, %v; want %d", got, err, want)
		}
		_ = run.Process.Kill()
		_ = run.Wait()
	}
}

// mend writes the file and runs the script; afterwards the file must be what is wanted.
func (m *machine) mend(t *testing.T, shell []string, file string, content, want []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	argv := append(slices.Clone(shell), m.dir+"/mend-aof.sh", m.dir+"/data", "echo", "started")
	out := m.run(m.command(argv[0], argv[1:]...))
	if !bytes.HasSuffix([]byte(out), []byte("started\n")) {
		t.Errorf("%s does not start the program: %s", shell, out)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: of %d bytes are left %d, want %d: %v\n%s", shell, len(content), len(got), len(want),
			err, out)
	}
}

// shells are the one of this machine and, where there is one, that of the image.
func shells(t *testing.T) [][]string {
	all := [][]string{{"/bin/sh"}}
	if busybox, err := exec.LookPath("busybox"); err == nil {
		all = append(all, []string{busybox, "sh"})
	} else {
		t.Log("there is no busybox here, whose shell the image has")
	}
	return all
}

// appendOnlyFile is the file that Valkey appends to, and what is in it.
func appendOnlyFile(t *testing.T, m *machine) (string, []byte) {
	t.Helper()
	files, err := filepath.Glob(m.dir + "/data/appendonlydir/*.incr.aof")
	if err != nil || len(files) != 1 {
		t.Fatalf("append-only files: %v, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return files[0], content
}

// TestValkeyIsMendedBeforeItStarts: in both files, as the account of the data. The image changes to
// that account only for a command that begins with valkey-server.
func TestValkeyIsMendedBeforeItStarts(t *testing.T) {
	for _, file := range []string{"docker-compose.yml", "compose.dev.yml"} {
		s := load(t, file).Services["valkey"]
		want := []string{"/bin/sh", "/flagmeter/mend-aof.sh", "/data", "valkey-server"}
		if len(s.Command) < 4 || !slices.Equal(s.Command[:4], want) {
			t.Errorf("%s: Valkey is started by %q", file, s.Command)
		}
		if s.User != "999:1000" {
			t.Errorf("%s: Valkey runs as %q", file, s.User)
		}
	}
}
