package scripts

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// TestValkeyUserMayDoNoMoreThanItNeeds tries what the program never does. That it may do all
// that it needs is shown by all other tests: their Valkey has the users of valkey.acl.
func TestValkeyUserMayDoNoMoreThanItNeeds(t *testing.T) {
	env := stacktest.Own(t)
	ctx := t.Context()
	for _, key := range []string{"fm:{0}:raw", "other"} {
		if err := env.Valkey.RPush(ctx, key, "x").Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, command := range []string{
		"FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "SWAPDB 0 1", "DEBUG SLEEP 0", "DEBUG JMAP",
		"CONFIG SET appendfsync no", "CONFIG REWRITE", "CONFIG RESETSTAT", "CONFIG HELP", "SHUTDOWN NOSAVE", "SAVE", "BGSAVE", "BGREWRITEAOF",
		"REPLICAOF 127.0.0.1 6379", "SLAVEOF NO ONE", "FAILOVER", "SYNC", "PSYNC ? -1", "REPLCONF ack 1",
		"ACL LIST", "ACL GETUSER default", "ACL SETUSER flagmeter +@all", "ACL WHOAMI", "MODULE LIST", "MODULE LOAD /tmp/x.so",
		"CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1", "MONITOR", "SLOWLOG GET", "LATENCY RESET", "MEMORY DOCTOR",
		"EVAL return{} 0", "EVAL_RO return{} 0", "SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION LIST", "FUNCTION FLUSH", "FCALL x 0",
		"PUBLISH c m", "SUBSCRIBE c", "MIGRATE 127.0.0.1 6379 k 0 1", "RESTORE fm:x 0 x", "DUMP fm:x", "COPY fm:x fm:y", "MOVE fm:x 1",
		"OBJECT ENCODING fm:x", "PERSIST fm:x", "SORT fm:x", "LPOP fm:{0}:raw", "RPOP fm:{0}:raw", "LTRIM fm:{0}:raw 1 0", "BRPOP fm:{0}:raw 1",
		"GETDEL fm:x", "WATCH fm:x", "CLUSTER RESET", "COMMAND",
		// Its own commands on the keys of others.
		"GET other", "SET other x", "DEL other", "LRANGE other 0 -1", "RENAME fm:{0}:raw other", "RENAME other fm:{0}:raw", "UNLINK fmx", "HSET FM:x a b", "GET *",
	} {
		t.Run(command, func(t *testing.T) {
			words := strings.Fields(command)
			args := make([]any, len(words))
			for i, word := range words {
				args[i] = word
			}
			err := env.AppValkey.Do(ctx, args...).Err()
			disabled := err != nil && strings.Contains(err.Error(), "command not allowed") // for everybody
			if !redis.HasErrorPrefix(err, "NOPERM") && !disabled {
				t.Errorf("the answer is %v, want NOPERM", err)
			}
		})
	}
	t.Run("a script does not get around it", func(t *testing.T) {
		for _, body := range []string{"return redis.call('FLUSHALL')", "return redis.call('GET', 'other')"} {
			sha, err := env.AppValkey.ScriptLoad(ctx, body).Result()
			if err != nil {
				t.Fatal(err)
			}
			if err := env.AppValkey.EvalSha(ctx, sha, nil).Err(); err == nil || !strings.Contains(err.Error(), "ACL") && !strings.Contains(err.Error(), "permission") {
				t.Errorf("%s: %v", body, err)
			}
		}
	})
	if n, err := env.Valkey.DBSize(ctx).Result(); err != nil || n != 2 {
		t.Errorf("%d keys are left, %v", n, err)
	}
	anonymous := *env.Valkey.Options()
	anonymous.Password = ""
	client := redis.NewClient(&anonymous)
	defer client.Close()
	if err := client.Ping(ctx).Err(); !redis.HasErrorPrefix(err, "NOAUTH") {
		t.Errorf("whoever has no password is answered %v", err)
	}
}

// TestAccessListIsForWhatIsUsed compares the access list with the scripts and with the
// commands that Go sends: nothing is missing, and nothing is left over.
func TestAccessListIsForWhatIsUsed(t *testing.T) {
	file, err := os.ReadFile("valkey.acl")
	if err != nil {
		t.Fatal(err)
	}
	var allowed []string
	for line := range strings.Lines(string(file)) {
		if strings.HasPrefix(line, "user flagmeter ") {
			for word := range strings.FieldsSeq(line) {
				if name, ok := strings.CutPrefix(word, "+"); ok {
					allowed = append(allowed, name)
				}
			}
		}
	}
	// By Go: this package, the check of durability and the metrics.
	used := []string{"hincrby", "hsetnx", // by ingest.lua of the version before, which may run beside this one
		"ping", "select", "info", "config|get", "waitaof", "script|load", "evalsha", "multi", "exec", "hscan", "lindex", "llen"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".lua") {
			continue
		}
		script, err := os.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`call\('([A-Z]+)'`).FindAllSubmatch(script, -1) {
			used = append(used, strings.ToLower(string(m[1])))
		}
	}
	slices.Sort(used)
	slices.Sort(allowed)
	if used = slices.Compact(used); !slices.Equal(used, allowed) {
		t.Errorf("used are\n%q, allowed are\n%q", used, allowed)
	}
}
