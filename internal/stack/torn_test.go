package stack

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"
)

// transaction counts one event in two places, as one transaction of the append-only file.
const transaction = `redis.call('INCR', 'events') return redis.call('INCR', 'tokens')`

// aof is the file that Valkey appends to, and what is in it.
func aof(t *testing.T, s *Stack) (string, []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Valkey.room.path, "data/appendonlydir/*.incr.aof"))
	if err != nil || len(files) != 1 {
		t.Fatalf("append-only files: %v, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return files[0], content
}

func count(t *testing.T, client *redis.Client, want int) {
	t.Helper()
	if err := client.Eval(t.Context(), transaction, nil).Err(); err != nil {
		t.Fatal(err)
	}
	got, err := client.MGet(t.Context(), "events", "tokens").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got {
		if s, _ := v.(string); firstNumber(s) != want {
			t.Errorf("counted are %v, want %d", got, want)
			return
		}
	}
}

// TestTornTransactionIsNeverApplied cuts the file within a transaction, where Valkey leaves the
// first half, and starts twice: what comes behind it must not bring that half to life.
func TestTornTransactionIsNeverApplied(t *testing.T) {
	s := mustStart(t, Options{Dir: t.TempDir(), Valkey: true})
	_, client := clients(t, s)
	count(t, client, 1)
	_, whole := aof(t, s)
	count(t, client, 2) // this one will be torn, so it counts for nothing
	s.Valkey.Kill()
	file, both := aof(t, s)
	size := len(whole) + (len(both)-len(whole))*2/3 // within the second INCR
	if err := os.Truncate(file, int64(size)); err != nil {
		t.Fatal(err)
	}
	for want := 2; want < 5; want++ {
		if err := s.Valkey.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		count(t, client, want)
	}
}

// TestWhatStandsBehindAHalfIsKept: an earlier version, or a Valkey started by hand, has left half a
// transaction and acknowledged others behind it. Those must not be cut off with it.
func TestWhatStandsBehindAHalfIsKept(t *testing.T) {
	s := mustStart(t, Options{Dir: t.TempDir(), Valkey: true})
	_, client := clients(t, s)
	if err := client.Set(t.Context(), "before", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, start := aof(t, s)
	count(t, client, 1)
	_, one := aof(t, s)
	if err := client.Set(t.Context(), "acknowledged", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Valkey.Kill()
	file, all := aof(t, s)
	const firstEnds = "events\r\n"
	half, _, found := bytes.Cut(one[len(start):], []byte(firstEnds))
	if !found {
		t.Fatalf("the transaction is %q", one[len(start):])
	}
	damaged := slices.Concat(start, half, []byte(firstEnds), all[len(start):])
	if err := os.WriteFile(file, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(t.Context(), "acknowledged").Err(); err != nil {
		t.Errorf("what was acknowledged is lost: %v", err)
	}
}
