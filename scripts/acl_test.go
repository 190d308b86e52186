package scripts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
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
		"FLUSHALL", "FLUSHDB", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "SWAPDB 0 1", "DEBUG SLEEP 0",
		"DEBUG JMAP",
		"CONFIG GET primaryauth", "CONFIG SET appendfsync no", "CONFIG REWRITE", "CONFIG RESETSTAT",
		"CONFIG HELP", "SHUTDOWN NOSAVE", "SAVE", "BGSAVE", "BGREWRITEAOF",
		"REPLICAOF 127.0.0.1 6379", "SLAVEOF NO ONE", "FAILOVER", "SYNC", "PSYNC ? -1", "REPLCONF ack 1",
		"ACL LIST", "ACL GETUSER default", "ACL SETUSER flagmeter +@all", "ACL WHOAMI", "MODULE LIST",
		"MODULE LOAD /tmp/x.so",
		"CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1", "MONITOR", "SLOWLOG GET",
		"LATENCY RESET", "MEMORY DOCTOR",
		"EVAL return{} 0", "EVAL_RO return{} 0", "SCRIPT FLUSH", "SCRIPT KILL", "FUNCTION LIST",
		"FUNCTION FLUSH", "FCALL x 0",
		"PUBLISH c m", "SUBSCRIBE c", "MIGRATE 127.0.0.1 6379 k 0 1", "RESTORE fm:x 0 x", "DUMP fm:x",
		"COPY fm:x fm:y", "MOVE fm:x 1",
		"OBJECT ENCODING fm:x", "PERSIST fm:x", "SORT fm:x", "LPOP fm:{0}:raw", "RPOP fm:{0}:raw",
		"LTRIM fm:{0}:raw 1 0", "BRPOP fm:{0}:raw 1",
		"GETDEL fm:x", "WATCH fm:x", "CLUSTER RESET", "COMMAND",
		// Its own commands on the keys of others.
		"GET other", "SET other x", "DEL other", "LRANGE other 0 -1", "RENAME fm:{0}:raw other",
		"RENAME other fm:{0}:raw", "UNLINK fmx", "HSET FM:x a b", "GET *",
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
		for _, body := range []string{"return redis.call('FLUSHALL')",
			"return redis.call('GET', 'other')"} {
			sha, err := env.AppValkey.ScriptLoad(ctx, body).Result()
			if err != nil {
				t.Fatal(err)
			}
			if err := env.AppValkey.EvalSha(ctx, sha, nil).Err(); err == nil ||
				!strings.Contains(err.Error(), "ACL") && !strings.Contains(err.Error(), "permission") {
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

// sent are the commands that Go sends, besides the scripts, as each user. A command that is new
// in Go is found by TestEveryCommandOfGoIsInTheList.
var sent = map[string]struct {
	scripts, commands string
	before            string // by the version before, which may run beside this one
}{
	"flagmeter_ingest": {"ingest seen limits counters counting stage judge unstage usage parts " +
		"series changed shards",
		"ping select info waitaof script|load evalsha multi exec hset hget set get zadd zrange zrem",
		"hincrby hsetnx hexists"},
	"flagmeter_flusher": {"seal ack drop queue rewind remember seen features forget resume shards",
		"ping select info waitaof script|load evalsha multi exec lrange hscan set get zrange zscore", ""},
	"flagmeter_alerter": {"usage parts counters changed shards",
		"ping select script|load evalsha multi exec hget hset get zrange", ""},
	"flagmeter": {"*", "ping select info waitaof script|load evalsha multi exec hscan lindex llen " +
		"exists",
		"hincrby hsetnx hexists"},
}

var called = regexp.MustCompile(`call\('([A-Z]+)'`)

// TestAccessListIsForWhatIsUsed compares the access list with the scripts of each user and with
// the commands that Go sends: nothing is missing, and nothing is left over.
func TestAccessListIsForWhatIsUsed(t *testing.T) {
	users := accessList(t)
	for user, uses := range sent {
		used := strings.Fields(uses.commands + " " + uses.before)
		names := strings.Fields(uses.scripts)
		if uses.scripts == "*" {
			files, err := filepath.Glob("*.lua")
			if err != nil {
				t.Fatal(err)
			}
			names = nil
			for _, file := range files {
				names = append(names, strings.TrimSuffix(file, ".lua"))
			}
		}
		for _, name := range names {
			script, err := os.ReadFile(name + ".lua")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range called.FindAllSubmatch(script, -1) {
				used = append(used, strings.ToLower(string(m[1])))
			}
		}
		slices.Sort(used)
		if used = slices.Compact(used); !slices.Equal(used, users[user]) {
			t.Errorf("%s: used are\n%q, allowed are\n%q", user, used, users[user])
		}
	}
	for user := range users {
		if _, ok := sent[user]; !ok {
			t.Errorf("nobody works as %s", user)
		}
	}
}

// accessList returns the commands that each user of FlagMeter may use, on whatever keys.
func accessList(t *testing.T) map[string][]string {
	t.Helper()
	file, err := os.ReadFile("valkey.acl")
	if err != nil {
		t.Fatal(err)
	}
	users := map[string][]string{}
	for line := range strings.Lines(string(file)) {
		words := strings.Fields(strings.NewReplacer("(", " ", ")", " ").Replace(line))
		if len(words) < 2 || words[1] == "default" {
			continue
		}
		for _, word := range words {
			if name, ok := strings.CutPrefix(word, "+"); ok {
				users[words[1]] = append(users[words[1]], name)
			}
		}
		slices.Sort(users[words[1]])
		users[words[1]] = slices.Compact(users[words[1]])
	}
	return users
}

// reach says which roles reach a key, and whether it may be written by other commands than the
// scripts': w, r, or - for not at all; in the order ingest, flusher, alerter.
var reach = map[string]string{
	"fm:{7}:raw": "ww-", "fm:{7}:raw:1": "ww-", "fm:{7}:rawbytes": "ww-", "fm:{7}:minute:5": "wwr",
	"fm:{7}:minutes": "wwr", "fm:{7}:late": "wwr",
	"fm:{7}:sealed:raw": "ww-", "fm:{7}:sealed:sum": "wwr", "fm:{7}:staged": "w--",
	"fm:{7}:request:1": "w--", "fm:{7}:settled": "wwr", "fm:{7}:sum:1": "wwr",
	"fm:{7}:group:c": "w--", "fm:{7}:slices": "ww-", "fm:{7}:seen:1:a": "ww-", "fm:{7}:seq": "wwr",
	"fm:{7}:accepted": "ww-", "fm:{7}:flushed": "ww-", "fm:{7}:reads": "ww-",
	"fm:{7}:rate:t:acme": "w--", "fm:{7}:features:acme": "ww-", "fm:{7}:dropped": "wwr",
	"fm:{7}:order": "ww-", "fm:{7}:rewound": "wwr",
	"fm:{7}:changed": "wrr", "fm:{7}:look": "w-r", "fm:{7}:durable": "ww-", "fm:tenants": "w-r",
	"fm:keys": "w--", "fm:keys:revoked": "w--",
	"fm:{7}:holding": "w--", "fm:shards": "www", "fm:other": "---", "other": "---",
}

// TestNoRoleReachesTheKeysOfAnother asks Valkey whether each role could read and write each key.
func TestNoRoleReachesTheKeysOfAnother(t *testing.T) {
	env := stacktest.New(t)
	may := func(user string, command ...any) bool {
		answer, err := env.Valkey.Do(t.Context(),
			append([]any{"ACL", "DRYRUN", user}, command...)...).Text()
		if err != nil {
			t.Fatal(err)
		}
		return answer == "OK"
	}
	for key, want := range reach {
		got := ""
		for _, user := range []string{"flagmeter_ingest", "flagmeter_flusher", "flagmeter_alerter"} {
			switch {
			case may(user, "SET", key, "x"):
				got += "w"
			case may(user, "GET", key) || may(user, "ZRANGE", key, 0, -1):
				got += "r"
			default:
				got += "-"
			}
		}
		if got != want {
			t.Errorf("%s is reached by %s, want %s", key, got, want)
		}
	}
	// What the alerter may write is what it needs, and by these commands alone.
	for command, want := range map[string]bool{"INCR fm:{0}:look": true, "INCR fm:{0}:seq": false,
		"HSET fm:tenants a b": true, "HSET fm:{0}:late a b": false,
		"HSET fm:keys a b": false, "DEL fm:tenants": false} {
		words := []any{}
		for word := range strings.FieldsSeq(command) {
			words = append(words, word)
		}
		if got := may("flagmeter_alerter", words...); got != want {
			t.Errorf("the alerter may %s: %v, want %v", command, got, want)
		}
	}
	// No role reads settings, some of which are passwords, and none has more than another.
	for user := range sent {
		for _, command := range [][]any{{"CONFIG", "GET", "primaryauth"}, {"ACL", "LIST"}, {"KEYS", "*"},
			{"FLUSHALL"}, {"EVAL", "return 1", "0"}} {
			if may(user, command...) {
				t.Errorf("%s may %v", user, command)
			}
		}
	}
}

// TestEveryKeyHasItsRoles wants a row of reach for each key of keys.go.
func TestEveryKeyHasItsRoles(t *testing.T) {
	source, err := os.ReadFile("keys.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)prefix\(shard\) \+ "([^"]+)"|^const \w+ = "fm:([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 25 {
		t.Fatalf("%d keys were found in keys.go", len(names))
	}
	for _, m := range names {
		want := "fm:{7}:" + m[1]
		if m[1] == "" {
			want = "fm:" + m[2]
		}
		found := false
		for key := range reach {
			found = found || key == want || strings.HasSuffix(want, ":") && strings.HasPrefix(key, want)
		}
		if !found {
			t.Errorf("nobody has said which roles reach %s", want)
		}
	}
}

// noCommand are methods of go-redis' clients that send nothing that the list must name.
var noCommand = []string{"Close", "Pipeline", "TxPipeline", "Pipelined", "Exec", "Options", "Conn",
	"ForEachMaster", "MasterForKey", "AddHook", "PoolStats", "Do"}

// TestEveryCommandOfGoIsInTheList looks through the program for methods that are called on a
// client of go-redis, and for those commands that it spells out.
func TestEveryCommandOfGoIsInTheList(t *testing.T) {
	allowed := accessList(t)["flagmeter"]
	// An administrator's, which doctor tries and does without.
	allowed = append(allowed, "configget")
	other := map[string]string{"zaddnx": "zadd", "zrangewithscores": "zrange",
		"scriptload": "script|load", "load": "script|load", "hincrby": "hincrby"}
	client := regexp.MustCompile(`(?i)^(rdb|pipe|p|client|master|node|conn|redis)$`)
	found := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// of tests, and of an administrator
		if entry.IsDir() && slices.Contains([]string{".git", "bench", "stack", "kit", "dist"}, entry.Name()) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
			return strings.Contains(i.Path.Value, "redis/go-redis")
		}) {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			on := ""
			switch x := method.X.(type) {
			case *ast.Ident:
				on = x.Name
			case *ast.SelectorExpr:
				on = x.Sel.Name
			}
			first, ok := call.Args[0].(*ast.Ident)
			if !client.MatchString(on) || !method.Sel.IsExported() || !ok || first.Name != "ctx" {
				return true
			}
			command := strings.ToLower(method.Sel.Name)
			if method.Sel.Name == "Do" {
				text, ok := call.Args[1].(*ast.BasicLit)
				if !ok {
					return true
				}
				command = strings.ToLower(strings.Trim(text.Value, `"`))
			} else if slices.Contains(noCommand, method.Sel.Name) {
				return true
			}
			if as := other[command]; as != "" {
				command = as
			}
			found++
			if !slices.Contains(allowed, command) {
				t.Errorf("%s sends %s on %s, which no user of valkey.acl may", path, command, on)
			}
			return true
		})
		return nil
	})
	if err != nil || found < 20 {
		t.Errorf("%d commands were found, %v", found, err)
	}
}
