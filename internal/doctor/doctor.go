package doctor

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/logging"
	"github.com/eduardosanzb/flagmeter/scripts"
)

// Status is how a check went.
type Status string

// The statuses, see the package.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Finding is what a check has to say.
type Finding struct {
	Group  string `json:"group"` // what was looked at: settings, valkey, postgres, ...
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"finding"`
	// Advice is the command to type or the line to write; empty if nothing is to be done.
	Advice string `json:"advice,omitempty"`
}

// Patient is the deployment under examination.
type Patient struct {
	Config config.Config
	DB     *sqlx.DB
	RDB    redis.UniversalClient
	Valkey *scripts.Valkey
	// Now is this machine's clock.
	Now func() time.Time
	// Version is the program's.
	Version string
	// ListenUnset says that LISTEN_ADDR is not set here and has its default: the API may listen
	// elsewhere.
	ListenUnset bool
	// Send sends a test message to each webhook, instead of connecting only.
	Send bool
	// FarAway is the round trip to a store from which the doctor warns; 0: 3 ms.
	FarAway time.Duration
}

// checkLimit bounds a check: a store that hangs must not make the doctor hang. Webhooks have
// their own limit.
const checkLimit = 10 * time.Second

// check examines one subject.
type check struct {
	group string
	needs []string // the groups that must have answered
	look  func(*Patient, context.Context) []Finding
}

// checks are in the order of the report.
var checks = []check{
	{"settings", nil, (*Patient).settings},
	{"valkey", nil, (*Patient).reachValkey},
	{"valkey", []string{"valkey"}, (*Patient).valkeyVersion},
	{"valkey", []string{"valkey"}, (*Patient).durability},
	{"valkey", []string{"valkey"}, (*Patient).memory},
	{"valkey", []string{"valkey"}, (*Patient).shards},
	{"postgres", nil, (*Patient).reachPostgres},
	{"postgres", []string{"postgres"}, (*Patient).postgresSettings},
	{"postgres", []string{"postgres"}, (*Patient).role},
	{"schema", []string{"postgres"}, (*Patient).migrations},
	{"schema", []string{"schema"}, (*Patient).partitions},
	{"schema", []string{"schema"}, (*Patient).retention},
	{"pipeline", []string{"valkey"}, (*Patient).queue},
	{"pipeline", []string{"valkey", "schema"}, (*Patient).ledger},
	{"pipeline", []string{"schema"}, (*Patient).deadEvents},
	{"pipeline", []string{"valkey", "schema"}, (*Patient).remembered},
	{"tenants", []string{"schema"}, (*Patient).tenants},
	{"machine", []string{"valkey"}, (*Patient).valkeyDisk},
	{"machine", []string{"schema"}, (*Patient).postgresDisk},
	{"machine", []string{"valkey"}, (*Patient).kernel},
	{"backup", nil, (*Patient).backups},
	{"clock", []string{"valkey"}, (*Patient).valkeyClock},
	{"clock", []string{"postgres"}, (*Patient).postgresClock},
	{"webhooks", []string{"schema"}, (*Patient).webhooks},
	{"webhooks", []string{"schema"}, (*Patient).deliveries},
}

// Examine runs the checks one after the other and passes each finding to tell. It ends early only
// with ctx.
func Examine(ctx context.Context, p *Patient, tell func(Finding)) {
	lost := map[string]bool{} // groups that did not answer
	told := map[string]bool{} // what is skipped, and for want of what
	for _, c := range checks {
		if ctx.Err() != nil {
			return
		}
		if missing := firstOf(c.needs, lost); missing != "" {
			// its own group has said so
			if reason := c.group + missing; missing != c.group && !told[reason] {
				tell(Finding{Group: c.group, Check: "all", Status: Skip,
					Text: "needs " + missing + ", see above"})
				told[reason], lost[c.group] = true, lost[c.group] || c.group == "schema"
			}
			continue
		}
		limited, cancel := context.WithTimeout(ctx, checkLimit)
		if c.group == "webhooks" {
			limited = ctx
		}
		for _, f := range c.look(p, limited) {
			f.Group, f.Text, f.Advice = c.group, p.clean(f.Text), p.clean(f.Advice)
			if f.Status == Fail && (f.Check == reachable || f.Check == migrated) {
				lost[c.group] = true
			}
			tell(f)
		}
		cancel()
	}
}

// reachable and migrated are the checks without which the others of their group say nothing.
const (
	reachable = "reachable"
	migrated  = "migrations"
)

// firstOf is the first of names that is in set, or "".
func firstOf(names []string, set map[string]bool) string {
	for _, name := range names {
		if set[name] {
			return name
		}
	}
	return ""
}

// clean removes secrets and line ends from a text.
func (p *Patient) clean(text string) string {
	for _, raw := range []config.Secret{
		p.Config.DatabaseURL, p.Config.ValkeyURL, p.Config.MigrateDatabaseURL, p.Config.SlackWebhookURL,
	} {
		if raw == "" {
			continue
		}
		text = strings.ReplaceAll(text, string(raw), logging.Hidden)
		if u, err := url.Parse(string(raw)); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok && len(password) > 3 {
				text = strings.ReplaceAll(text, password, logging.Hidden)
			}
		}
	}
	return strings.Join(strings.Fields(logging.Clean(text)), " ")
}

// one is the answer of a check with one finding.
func one(name string, status Status, text, advice string) []Finding {
	return []Finding{{Check: name, Status: status, Text: text, Advice: advice}}
}

func ok(name, text string) []Finding { return one(name, OK, text, "") }

// unknown is the answer of a check that could not look.
func unknown(name string, err error) []Finding {
	return one(name, Skip, "cannot be seen: "+err.Error(), "")
}
