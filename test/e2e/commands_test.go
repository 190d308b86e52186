package e2e

import (
	"regexp"
	"strings"
	"testing"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

func TestVersion(t *testing.T) {
	form := regexp.MustCompile(`^flagmeter \S+ \(commit \S+, go\S+, \w+/\w+\)\n$`)
	if got := succeed(t, nil, "version"); !form.MatchString(got) {
		t.Errorf("got %q", got)
	}
}

func TestHelpListsEveryCommand(t *testing.T) {
	help := succeed(t, nil)
	for _, name := range []string{
		"dev", "ingest", "flusher", "alerter", "migrate", "seed", "tenants", "keys", "tokens", "audit",
		"import", "backup", "restore", "doctor", "healthcheck", "version",
	} {
		if !regexp.MustCompile(`(?m)^  ` + name + ` +[A-Z]`).MatchString(help) {
			t.Errorf("no line about %s in:\n%s", name, help)
		}
	}
}

func TestWrongCommandLineExitsWith2(t *testing.T) {
	tests := []struct {
		args string
		want string
	}{
		{"ingst", `unknown command "ingst" for "flagmeter"`},
		{"tenants ad", `unknown command "ad" for "flagmeter tenants"`},
		{"--verbose", "unknown flag: --verbose"},
		{"dev --port 3000", "unknown flag: --port"},
		{"migrate now", `unknown command "now" for "flagmeter migrate"`},
		{"tenants add", "give one tenant's name, not 0"},
		{"tenants add a b", "give one tenant's name, not 2"},
		{"tenants add \t", "tenant name must not contain control characters"},
		{"tenants add shop\u00a0", "tenant name must not begin or end with a blank"},
		{"tenants add \u200bshop",
			"tenant name must not contain U+200B, which cannot be seen or told from a space"},
		{"tenants add *", "tenant name must not be *, which stands for the defaults of all tenants"},
		{"tokens mint --tenant * --unchecked",
			"--tenant must not be *, which stands for the defaults of all tenants"},
		{"tenants rename a", "accepts 2 arg(s), received 1"},
		{"tenants add ..", "tenant name must not be . or .., which no URL can hold as a name"},
		{"tenants add a --quota 1.5",
			`invalid argument "1.5" for "--quota" flag: must be an integer from 0 to ` +
				`9223372036854775807; underscores may group digits`},
		{"tenants add a --billing-day 32",
			`invalid argument "32" for "--billing-day" flag: must be an integer from 1 to 31`},
		{"tenants add a --timezone Mars/Base",
			`invalid argument "Mars/Base" for "--timezone" flag: must be a time zone ` +
				`of the IANA database, like Europe/Berlin`},
		{"tenants add a --thresholds 80,1001",
			`invalid argument "80,1001" for "--thresholds" flag: must be integers ` +
				`from 1 to 1000 with commas in between`},
		{"tenants set a", "at least one of the flags in the group [quota billing-day timezone" +
			" thresholds rate-limit rate-burst enforce archive unarchive] is required"},
		{"tenants set a --archive --unarchive",
			"if any flags in the group [archive unarchive] are set none of the others can be"},
		{"healthcheck dashboard", `invalid argument "dashboard" for "flagmeter healthcheck"`},
		{"import", "accepts 1 arg(s), received 0"},
		{"import - --tenant .. --feature x --tokens n", "tenant must not be . or .."},
		{"import - --tenant a --feature x --tokens n --batch 10001", "batch must be from 1 to 10000"},
		{"import - --tenant a --feature x --tokens n --retry-for 0",
			`invalid argument "0" for "--retry-for" flag: must be above 0, like 30d, 12h or 90s`},
		{"import - --tenant a --feature x --tokens n --url http://127.0.0.1:3000/usage",
			"--url must be that of the server, not of a page: write http://127.0.0.1:3000"},
		{"import - --tenant a --feature x --tokens n --url localhost:3000",
			"--url must begin with http:// or https://: write http://localhost:3000"},
		{"keys create --scope write", "--scope must be one of "},
		{"keys create --scope read --expires 0s",
			`invalid argument "0s" for "--expires" flag: must be above 0`},
		{"keys create --scope read --expires 1.5d",
			`invalid argument "1.5d" for "--expires" flag: must be a duration like 30d, 12h, 90s or 1d12h`},
		{"keys create --scope read --rate-burst 5", "--rate-burst needs --rate-limit"},
		{"tokens mint --tenant a --scope admin", "--scope must be read or ingest"},
		{"tokens mint --tenant \t", "--tenant must not contain control characters"},
		{"alerts resend", "say what to send again: ids, --tenant, or --all"},
		{"alerts resend x", `"x" is not the id of a delivery or an alert`},
		{"alerts list --state lost", "--state must be one of "},
		{"alerts list --limit 0", "--limit must be 1 or more, not 0"},
		{"audit --from 2026-03-02 --to 2026-03-01",
			"--to is 2026-03-01T00:00:00Z, before --from, which is 2026-03-02T00:00:00Z"},
		{"backup --keep never", "--keep must be a time like 14d or 36h, or a number like 7"},
		{"tenants add a --rate-burst 5", "--rate-burst needs --rate-limit"},
		{"restore --scratch postgres://localhost/postgres", "--scratch needs --verify"},
		{"restore --scratch postgres://localhost/postgres --verify=false", "--scratch needs --verify"},
		{"restore latest --adopt", "--adopt takes no name of a backup"},
		{"restore --adopt --from /backups",
			"if any flags in the group [adopt from] are set none of the others can be"},
		{"restore --adopt --unsigned",
			"if any flags in the group [adopt unsigned] are set none of the others can be"},
		{"restore --adopt --scratch x",
			"if any flags in the group [adopt scratch] are set none of the others can be"},
		{"restore --to=", "--to must not be empty"},
		{"backup --to=", "--to must not be empty"},
		{"backup list --from=", "--from must not be empty"},
		{"keys create --scope read --tenant=", "--tenant must not be empty"},
		{"keys list --tenant=", "--tenant must not be empty"},
		{"alerts list --state=", "--state must not be empty"},
		{"alerts resend 018f0c4e-0000-7000-8000-000000000001 --all",
			"--all is for deliveries that are not named by their ids"},
		{"import - --tenant a --feature x --tokens n --zone Europe/Berlin",
			"a zone (--zone) needs a column of times (--timestamp)"},
		{"import - --tenant a --feature x --tokens n --id=", "--id must not be empty"},
		{"shards set 0", `the number of shards must be 1 to 1024, not "0"`},
		{"dev --data=", "--data must not be empty"},
		{"dev --listen 3000", `--listen must be an address like 127.0.0.1:3000, not "3000"`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			status, stdout, stderr := execute(t, nil, strings.Split(tt.args, " ")...)
			if status != 2 || stdout != "" {
				t.Errorf("exit %d, stdout %q", status, stdout)
			}
			if !strings.HasPrefix(stderr, "flagmeter: "+tt.want) ||
				!strings.Contains(stderr, " --help' for usage.\n") ||
				strings.Count(stderr, tt.want) != 1 || strings.Count(stderr, "\n") > 6 {
				t.Errorf("got %s\nwant %s", stderr, tt.want)
			}
		})
	}
}

func TestMissingSettingsAreAllNamed(t *testing.T) {
	for _, role := range []string{"ingest", "flusher", "alerter"} {
		status, _, stderr := execute(t, settings{"SHARDS": "0"}, role)
		if status != 1 || !strings.HasPrefix(stderr, "flagmeter: bad settings:\n") ||
			strings.Count(stderr, "\n") != 4 {
			t.Errorf("%s: exit %d: %s", role, status, stderr)
		}
		for _, name := range []string{"DATABASE_URL", "VALKEY_URL", "SHARDS"} {
			if !strings.Contains(stderr, "\n  "+name) {
				t.Errorf("%s does not name %s: %s", role, name, stderr)
			}
		}
	}
}

func TestMigrate(t *testing.T) {
	env := stacktest.New(t)
	databaseURL, db := emptyDatabase(t, env)
	s := settings{"DATABASE_URL": databaseURL}
	if got := succeed(t,
		s, "migrate"); !regexp.MustCompile(`^applied \d+ migrations?\nadded [\d,]+ prices that came with this version\n$`).MatchString(got) {
		t.Errorf("first: %q", got)
	}
	if err := schema.Check(t.Context(), db); err != nil {
		t.Error(err)
	}
	if got := succeed(t, s, "migrate"); got != "the schema is up to date\n" {
		t.Errorf("second: %q", got)
	}
}

func TestOutdatedSchemaIsRefused(t *testing.T) {
	env := stacktest.New(t)
	databaseURL, _ := emptyDatabase(t, env)
	s := settingsOf(env).with("DATABASE_URL", databaseURL)
	for _, args := range []string{
		"ingest", "flusher", "alerter", "seed", "tenants list", "tenants add a",
		"tenants set a --quota 1",
	} {
		t.Run(args, func(t *testing.T) {
			status, _, stderr := execute(t, s, strings.Split(args, " ")...)
			if status != 1 || !strings.Contains(stderr, "run `flagmeter migrate`") {
				t.Errorf("exit %d: %s", status, stderr)
			}
		})
	}
}

func TestSeed(t *testing.T) {
	s := settingsOf(stacktest.New(t))
	if got := succeed(t, s, "seed"); got != "added tenant acme-corp\n" {
		t.Errorf("first: %q", got)
	}
	want := `TENANT     QUOTA      ENFORCE  RATE LIMIT  BILLING DAY  TIMEZONE  THRESHOLDS  STATE
acme-corp  1,000,000  off      default     1            UTC       80%         active
`
	if got := succeed(t, s, "tenants", "list"); got != want {
		t.Errorf("got\n%s", got)
	}
	succeed(t, s, "tenants", "set", "acme-corp", "--quota", "5")
	if got := succeed(t, s, "seed"); got != "tenant acme-corp exists already\n" {
		t.Errorf("second: %q", got)
	}
	if got := succeed(t, s, "tenants", "list"); !strings.Contains(got, "acme-corp  5 ") {
		t.Errorf("a second seed has changed the tenant:\n%s", got)
	}
}

func TestTenants(t *testing.T) {
	s := settingsOf(stacktest.New(t))
	for _, args := range []string{
		"add plain",
		"add kontor-legal --quota 50_000_000 --billing-day 31 --timezone Europe/Berlin --thresholds" +
			" 100,80,80",
		"add quiet --quota 10 --thresholds=",
		"add changed --quota 10 --billing-day 15 --timezone Asia/Tokyo --thresholds 50",
		"set changed --quota 0",
		"add limited --enforce strict --rate-limit 1_000 --rate-burst 20_000",
		"add freed --enforce soft --rate-limit 7",
		"set freed --enforce off --rate-limit default",
		"set changed --enforce soft --rate-limit 0",
		"add gone",
		"set gone --archive",
		"add back",
		"set back --archive",
		"set back --unarchive --billing-day 2",
	} {
		succeed(t, s, append([]string{"tenants"}, strings.Split(args, " ")...)...)
	}
	want := `TENANT        QUOTA       ENFORCE  RATE LIMIT               BILLING DAY  TIMEZONE       THRESHOLDS  STATE
back          none        off      default                  2            UTC            80%         active
changed       none        soft     none                     15           Asia/Tokyo     50%         active
freed         none        off      default                  1            UTC            80%         active
gone          none        off      default                  1            UTC            80%         archived
kontor-legal  50,000,000  off      default                  31           Europe/Berlin  80%,100%    active
limited       none        strict   1,000/s, 20,000 at once  1            UTC            80%         active
plain         none        off      default                  1            UTC            80%         active
quiet         10          off      default                  1            UTC            none        active
`
	if got := succeed(t, s, "tenants", "list"); got != want {
		t.Errorf("got\n%s", got)
	}
	succeed(t, s, "tenants", "set", "kontor-legal", "--thresholds", "90")
	list := succeed(t, s, "tenants", "list", "--json")
	const unlimited = `"enforce":"off","rateLimit":null,"rateBurst":null,`
	for _, want := range []string{
		`{"tenant":"kontor-legal","quota":50000000,"billingDay":31,"timezone":"Europe/Berlin",` +
			`"thresholds":[90],"archived":false,` + unlimited + `"key":"kontor-legal","aliases":[]}`,
		`{"tenant":"gone","quota":null,"billingDay":1,"timezone":"UTC",` +
			`"thresholds":[80],"archived":true,` + unlimited + `"key":"gone","aliases":[]}`,
		`{"tenant":"quiet","quota":10,"billingDay":1,"timezone":"UTC",` +
			`"thresholds":[],"archived":false,` + unlimited + `"key":"quiet","aliases":[]}`,
		`"enforce":"strict","rateLimit":1000,"rateBurst":20000,"key":"limited","aliases":[]}`,
		`"enforce":"soft","rateLimit":0,"rateBurst":null,"key":"changed","aliases":[]}`,
	} {
		if !strings.Contains(regexp.MustCompile(`\s`).ReplaceAllString(list, ""), want) {
			t.Errorf("no %s in\n%s", want, list)
		}
	}

	for args, want := range map[string]string{
		"add plain": `flagmeter: tenant "plain" exists already: ` +
			`change it with 'flagmeter tenants set'`,
		"set nobody --quota 1": `flagmeter: no such tenant: "nobody"`,
	} {
		status, _, stderr := execute(t, s, append([]string{"tenants"}, strings.Split(args, " ")...)...)
		if status != 1 || stderr != want+"\n" {
			t.Errorf("tenants %s: exit %d: %s", args, status, stderr)
		}
	}
	for args, want := range map[string]string{ // how the command is used is wrong
		"set plain --rate-burst 5": "flagmeter: --rate-burst needs --rate-limit\n",
		"set plain --rate-limit 0 --rate-burst 5": "flagmeter: --rate-burst needs a --rate-limit" +
			" above 0\n",
	} {
		status, _, stderr := execute(t, s, append([]string{"tenants"}, strings.Split(args, " ")...)...)
		if status != 2 || !strings.HasPrefix(stderr, want) {
			t.Errorf("tenants %s: exit %d: %s", args, status, stderr)
		}
	}
}
