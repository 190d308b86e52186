package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
	"github.com/eduardosanzb/flagmeter/test/kit/waittest"
)

const oneEvent = `{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":5}`

// ingest starts an API and returns where it is, once it is ready.
func ingest(t testing.TB, s settings) string {
	t.Helper()
	d := launch(t, s, "ingest")
	var started struct{ Address string }
	if err := json.Unmarshal([]byte(d.line(`"msg":"started"`)), &started); err != nil {
		t.Fatal(err)
	}
	address := "http://127.0.0.1" + started.Address[strings.LastIndexByte(started.Address, ':'):]
	waittest.Until(t, "ingest is ready", func() bool {
		status, _ := request(t, "GET", address+"/readyz", "")
		return status == 200
	})
	return address
}

// createKey runs keys create and returns all that it prints but the line feed.
func createKey(t testing.TB, s settings, args ...string) string {
	t.Helper()
	status, stdout, stderr := execute(t, s, append([]string{"keys", "create"}, args...)...)
	if status != 0 || !strings.Contains(stderr, "created API key ") ||
		strings.Contains(stderr, "fm_") {
		t.Fatalf("keys create %s: exit %d: %s", args, status, stderr)
	}
	return strings.TrimSuffix(stdout, "\n")
}

// answered waits until a request with a key is answered with a status: keys and what is revoked
// are read from the stores again and again. BenchmarkAKeyInForce measures how soon.
func answered(tb testing.TB, status int, key, method, url, body string) {
	tb.Helper()
	waittest.Until(tb, fmt.Sprintf("%s %s is answered %d", method, url, status), func() bool {
		got, _ := requestAs(tb, key, method, url, body)
		return got == status
	})
}

func TestWhoIsAskedForAKey(t *testing.T) {
	env := stacktest.New(t)
	succeed(t, settingsOf(env), "tenants", "add", "acme-corp")
	for _, c := range []struct {
		listen, auth, public string
		open                 bool
		says                 string
	}{
		{"127.0.0.1:0", "", "", true, "authentication is off: only this machine can reach the API"},
		{"[::1]:0", "", "http://localhost:3000", true,
			"authentication is off: only this machine can reach the API"},
		{"127.0.0.1:0", "", "https://meter.example.com", false, "authentication is required"},
		{"127.0.0.1:0", "required", "", false, "authentication is required"},
		{":0", "", "", false, "create the first one with 'flagmeter keys create --scope admin'"},
		{":0", "off", "", true, "authentication is off, and other machines can reach the API"},
	} {
		t.Run(c.listen+c.auth+c.public, func(t *testing.T) {
			d := launch(t, settingsOf(env).with("LISTEN_ADDR", c.listen).with("AUTH",
				c.auth).with("PUBLIC_URL", c.public), "ingest")
			var started struct{ Address string }
			if err := json.Unmarshal([]byte(d.line(`"msg":"started"`)), &started); err != nil {
				t.Fatal(err)
			}
			d.line(c.says)
			url := "http://" + strings.Replace(started.Address, "[::]", "127.0.0.1", 1)
			status := 0
			waittest.Until(t, "it answers", func() bool {
				status, _ = request(t, "POST", url+"/events", oneEvent)
				return status != 503
			})
			if open := status == 200; open != c.open || !open && status != 401 {
				t.Errorf("POST /events without a key: %d", status)
			}
			// What a page that rebinds its name sends, and what a proxy does.
			want := map[string]int{"": 403, "off": 201, "required": 401}[c.auth]
			if !c.open {
				want = 401
			}
			for _, header := range []string{"Host: evil.example", "X-Forwarded-For: 203.0.113.9"} {
				if got := keyFor(t, url, header); got != want {
					t.Errorf("POST /keys with %s: %d, want %d", header, got, want)
				}
			}
		})
	}
}

// keyFor asks for a key with a header, and returns the status.
func keyFor(t *testing.T, url, header string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url+"/keys",
		strings.NewReader(`{"scope":"admin"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	name, value, _ := strings.Cut(header, ": ")
	if req.Header.Set(name, value); name == "Host" {
		req.Host = value
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func TestKeys(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env).with("AUTH", "required")
	succeed(t, s, "tenants", "add", "acme-corp")
	first, second := ingest(t, s), ingest(t, s)

	key := createKey(t, s, "--scope", "ingest", "--tenant", "acme-corp", "--expires", "720h", "--name",
		"backend", "--rate-limit", "50", "--rate-burst", "1_000")
	if !regexp.MustCompile(`^fm_ingest_[0-9A-Za-z]{49}$`).MatchString(key) {
		t.Fatalf("printed %q", key)
	}
	for _, address := range []string{first, second} {
		answered(t, 200, key, "POST", address+"/events", oneEvent)
		if status, answer := requestAs(t, key, "GET", address+"/usage/acme-corp", ""); status != 403 {
			t.Errorf("an ingest key reads: %d %s", status, answer)
		}
	}
	list := succeed(t, s, "keys", "list")
	form := regexp.MustCompile(`(?m)^([0-9a-f-]{36})  ingest  acme-corp  backend  ` +
		`50/s, 1,000 at once  active  \S+ +20\S+ \d\d:\d\dZ  `)
	m := form.FindStringSubmatch(list)
	if m == nil || strings.Contains(list, key) {
		t.Fatalf("list:\n%s", list)
	}
	var asJSON []struct{ ID, Scope, State string }
	if err := json.Unmarshal([]byte(succeed(t, s, "keys", "list", "--json", "--tenant", "acme-corp")),
		&asJSON); err != nil || len(asJSON) != 1 || asJSON[0].ID != m[1] || asJSON[0].State != "active" {
		t.Errorf("%+v, %v", asJSON, err)
	}
	got := succeed(t, s, "keys", "revoke", key)
	if got != "revoked API key "+m[1]+"\nlive keys that were made with it: 0\n" {
		t.Errorf("revoke: %q", got)
	}
	for _, address := range []string{first, second} {
		answered(t, 401, key, "POST", address+"/events", oneEvent)
	}
	if list := succeed(t, s, "keys", "list"); !strings.Contains(list, "  revoked  ") {
		t.Errorf("list:\n%s", list)
	}
	for args, want := range map[string]struct {
		status int
		says   string
	}{
		"keys create --scope all":                       {2, "scope must be one of ingest, read, admin"},
		"keys create --scope read --tenant nobody":      {1, `no such tenant: "nobody"`},
		"keys create --scope read --expires 0s":         {2, `"--expires" flag: must be above 0`},
		"keys revoke " + strings.Repeat("x", 20):        {1, "neither the id of an API key nor a key"},
		"keys revoke 0198f3c2-7a4e-7cc1-9b7e-3f1f5a6c0": {1, "neither the id of an API key nor a key"},
		"keys revoke 00000000-0000-4000-8000-000000000": {1, "neither the id of an API key nor a key"},
		"keys create --scope read --rate-burst 5":       {2, "--rate-burst needs --rate-limit"},
		"tokens mint --tenant acme-corp":                {1, "JWT_SECRET is not set"},
	} {
		status, stdout, stderr := execute(t, s, strings.Split(args, " ")...)
		if status != want.status || stdout != "" || !strings.Contains(stderr, want.says) {
			t.Errorf("%s: exit %d, %q, %s", args, status, stdout, stderr)
		}
	}
}

func TestKeysOfSeveralScopesAndTheirNumber(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env).with("AUTH", "required").with("MAX_TENANT_KEYS", "2").with("MAX_KEYS", "4")
	succeed(t, s, "tenants", "add", "acme-corp")
	succeed(t, s, "tenants", "add", "globex")
	key := createKey(t, s, "--scope", "read,ingest", "--tenant", "acme-corp")
	address := ingest(t, s)
	answered(t, 200, key, "POST", address+"/events", oneEvent)
	answered(t, 200, key, "GET", address+"/usage/acme-corp", "")
	if status, _ := requestAs(t, key, "GET", address+"/keys", ""); status != 403 {
		t.Errorf("GET /keys: %d", status)
	}
	if list := succeed(t, s, "keys", "list"); !strings.Contains(list, "  ingest,read  acme-corp  ") {
		t.Errorf("list:\n%s", list)
	}
	createKey(t, s, "--scope", "ingest read", "--tenant", "acme-corp")
	succeed(t, s, "tenants", "rename", "acme-corp", "acme-holding")
	for _, tenant := range []string{"globex", "acme-corp", "globex", ""} {
		args := []string{"keys", "create", "--scope", "read"}
		if tenant != "" {
			args = append(args, "--tenant", tenant)
		}
		status, stdout, stderr := execute(t, s, args...)
		want := map[string]string{
			"acme-corp": `of tenant "acme-holding" there may be at most 2 live API keys`,
			"":          "there may be at most 4 live API keys"}[tenant]
		if (status == 0) != (want == "") ||
			want != "" && (stdout != "" || !strings.Contains(stderr, want)) {
			t.Errorf("of %q: exit %d, %q, %s", tenant, status, stdout, stderr)
		}
	}
}

// A stolen key has made two keys through the API.
func TestKeysThatAKeyHasMade(t *testing.T) {
	s := settingsOf(stacktest.New(t)).with("AUTH", "required")
	address := ingest(t, s)
	stolen := createKey(t, s, "--scope", "admin")
	answered(t, 200, stolen, "GET", address+"/keys", "")
	var made [2]string
	for i := range made {
		status, answer := requestAs(t, stolen, "POST", address+"/keys", `{"scope":"read"}`)
		var key struct{ Key string }
		if err := json.Unmarshal([]byte(answer), &key); err != nil || status != 201 {
			t.Fatalf("%d %s", status, answer)
		}
		made[i] = key.Key
	}
	id := strings.Fields(strings.Split(succeed(t, s, "keys", "list"), "\n")[1])[0]
	for _, c := range []struct{ args, want string }{
		{stolen, "2; to end them: flagmeter keys revoke " + id + " --made"},
		{id + " --made=false", "2; to end them: flagmeter keys revoke " + id + " --made"},
	} {
		want := "revoked API key " + id + "\nlive keys that were made with it: " + c.want + "\n"
		if got := succeed(t, s, strings.Split("keys revoke "+c.args, " ")...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	answered(t, 200, made[0], "GET", address+"/tenants", "")
	want := "revoked API key " + id + "\nrevoked keys that were made with it: 2\n"
	if got := succeed(t, s, "keys", "revoke", "--made", stolen); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, key := range made {
		answered(t, 401, key, "GET", address+"/tenants", "")
	}
}

func TestAKeyIsRevokedWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	env := stacktest.Own(t)
	s := settingsOf(env).with("AUTH", "required")
	succeed(t, s, "tenants", "add", "acme-corp")
	key := createKey(t, s, "--scope", "ingest")
	kept := createKey(t, s, "--scope", "ingest")
	first := ingest(t, s)
	answered(t, 200, key, "POST", first+"/events", oneEvent)
	waittest.Until(t, "valkey has a copy of the keys", func() bool {
		n, err := env.Valkey.Exists(t.Context(), "fm:keys").Result()
		return err == nil && n == 1
	})
	env.Stack.Postgres.Kill()

	// A process that starts now knows the keys by the copy.
	second := ingest(t, s)
	addresses := []string{first, second}
	for _, address := range addresses {
		answered(t, 200, key, "POST", address+"/events", oneEvent)
	}
	if status, stdout, stderr := execute(t, s, "keys", "revoke", key); status != 0 ||
		!strings.HasSuffix(stdout, "made with it: not known, as Postgres does not answer\n") ||
		!strings.Contains(stderr, "one store does not know yet") {
		t.Fatalf("exit %d: %s%s", status, stdout, stderr)
	}
	for _, address := range addresses {
		answered(t, 401, key, "POST", address+"/events", oneEvent)
		if status, _ := requestAs(t, kept, "POST", address+"/events", oneEvent); status != 200 {
			t.Errorf("the other key: %d", status)
		}
	}
	if err := env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, "postgres is told", func() bool {
		return strings.Contains(succeed(t, s, "keys", "list"), "  revoked  ")
	})
	third := ingest(t, s)
	if status, _ := requestAs(t, key, "POST", third+"/events", oneEvent); status != 401 {
		t.Errorf("a process that starts then: %d", status)
	}
}

func TestTokens(t *testing.T) {
	env := stacktest.New(t)
	s := settingsOf(env).with("AUTH", "required").with("JWT_SECRET",
		strings.Repeat("x", 32)).with("PUBLIC_URL", "https://meter.example.com/")
	for _, name := range []string{"acme-corp", "globex"} {
		succeed(t, s, "tenants", "add", name)
	}
	if status, stdout, stderr := execute(t, s, "tokens", "mint", "--tenant", "nope"); status != 1 ||
		stdout != "" || !strings.Contains(stderr, `no such tenant: "nope"`) {
		t.Errorf("a token for nobody: exit %d, %q, %s", status, stdout, stderr)
	}
	away := s.with("DATABASE_URL", "")
	if status, stdout, stderr := execute(t, away, "tokens", "mint", "--tenant",
		"acme-corp"); status != 1 || stdout != "" || !strings.Contains(stderr, "--unchecked") {
		t.Errorf("without a database: exit %d, %q, %s", status, stdout, stderr)
	}
	succeed(t, away, "tokens", "mint", "--tenant", "acme-corp", "--unchecked")
	address := ingest(t, s)
	lines := strings.Split(succeed(t, s, "tokens", "mint", "--tenant", "acme-corp", "--ttl", "1h"),
		"\n")
	if len(lines) != 3 || lines[1] != "https://meter.example.com/usage#token="+lines[0] {
		t.Fatalf("printed %q", lines)
	}
	for path, want := range map[string]int{
		"/usage/acme-corp": 200, "/usage/globex": 404, "/keys": 403,
	} {
		if status, answer := requestAs(t, lines[0], "GET", address+path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, answer, want)
		}
	}
	if status, _ := requestAs(t, lines[0], "POST", address+"/events", oneEvent); status != 403 {
		t.Errorf("a token to read sends events: %d", status)
	}
	sender := strings.TrimSuffix(succeed(t, s, "tokens", "mint", "--tenant", "acme-corp", "--scope",
		"ingest"), "\n")
	if status, _ := requestAs(t, sender, "POST", address+"/events", oneEvent); status != 200 {
		t.Errorf("a token to ingest: %d", status)
	}
	succeed(t, s, "tenants", "rename", "acme-corp", "acme-holding")
	renamed := strings.TrimSuffix(succeed(t, s, "tokens", "mint", "--tenant", "acme-holding",
		"--scope", "ingest"), "\n")
	if status, answer := requestAs(t, renamed, "POST", address+"/events", oneEvent); status != 200 {
		t.Errorf("a token for the tenant's other name: %d %s", status, answer)
	}
	file := filepath.Join(t.TempDir(), "calls.csv")
	if err := os.WriteFile(file, []byte("n\n5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := s.with("API_KEY", renamed)
	status, _, stderr := execute(t, all, "import", file, "--url", address, "--tenant", "*",
		"--feature", "x", "--tokens", "n")
	if status != 1 ||
		!strings.Contains(stderr, "tenant must not be *, which stands for the defaults of all tenants") {
		t.Errorf("an import for all tenants: exit %d, %s", status, stderr)
	}
	for args, want := range map[string]string{
		"--tenant acme-corp --ttl 0s":      `invalid argument "0s" for "--ttl" flag: must be above 0`,
		"--tenant acme-corp --scope admin": "--scope must be read or ingest",
		"--tenant acme-corp --ttl 25h":     "a token lives for 24h0m0s at the most",
	} {
		status, _, stderr := execute(t, s, strings.Split("tokens mint "+args, " ")...)
		if status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %s", args, status, stderr)
		}
	}
}
