package doctor_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eduardosanzb/flagmeter/internal/config"
	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/internal/store"
	"github.com/eduardosanzb/flagmeter/internal/valkey"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// visit is one look at the stores of a test, as the program's accounts unless change says
// otherwise.
type visit struct {
	settings map[string]string
	now      func() time.Time
	send     bool
	farAway  time.Duration // 0: no round trip is too long on a busy machine
}

// examine returns the findings by check, and all that was said as one text.
func (v visit) examine(t *testing.T, env *stacktest.Env) (map[string]doctor.Finding, string) {
	t.Helper()
	getenv := func(name string) string {
		if value, set := v.settings[name]; set {
			return value
		}
		return map[string]string{"DATABASE_URL": env.DatabaseURL, "VALKEY_URL": env.ValkeyURL,
			"LISTEN_ADDR": "127.0.0.1:3000"}[name]
	}
	cfg, err := config.Load(getenv, "DATABASE_URL", "VALKEY_URL")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(string(cfg.DatabaseURL), 2, store.QueryTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rdb, err := valkey.Connect(string(cfg.ValkeyURL))
	if err != nil {
		t.Fatal(err)
	}
	defer rdb.Close()
	p := &doctor.Patient{Config: cfg, DB: db, RDB: rdb, Valkey: scripts.New(rdb, cfg.Shards),
		Now: time.Now, Version: "v1.2.3", Send: v.send,
		ListenUnset: getenv("LISTEN_ADDR") == "", FarAway: cmp.Or(v.farAway, time.Hour)}
	if v.now != nil {
		p.Now = v.now
	}
	found := map[string]doctor.Finding{}
	var text strings.Builder
	report := doctor.NewReport(&text, false, false)
	doctor.Examine(t.Context(), p, func(f doctor.Finding) {
		found[f.Group+"/"+f.Check] = f
		report.Tell(f)
	})
	if err := report.End(); err != nil {
		t.Fatal(err)
	}
	return found, text.String()
}

// must fails the test unless a check has that status, says text and advises advice.
func must(t *testing.T, found map[string]doctor.Finding, check string, status doctor.Status,
	text, advice string) {
	t.Helper()
	f, looked := found[check]
	switch {
	case !looked:
		t.Errorf("%s: not looked at", check)
	case f.Status != status || !strings.Contains(f.Text, text) || !strings.Contains(f.Advice, advice):
		t.Errorf("%s: %s, %q, %q\nwant %s, %q, %q",
			check, f.Status, f.Text, f.Advice, status, text, advice)
	case (f.Advice == "") != (f.Status == doctor.OK) && f.Status != doctor.Skip:
		t.Errorf("%s: %s with the advice %q", check, f.Status, f.Advice)
	}
}

// execSQL runs statements as the administrator.
func execSQL(t *testing.T, env *stacktest.Env, statements string, args ...any) {
	t.Helper()
	if _, err := env.DB.ExecContext(t.Context(), statements, args...); err != nil {
		t.Fatal(err)
	}
}

// waiting puts an event that arrived now into a raw list.
func waiting(t *testing.T, env *stacktest.Env, key string) {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	if err := env.Valkey.RPush(t.Context(), key,
		id.String()+"\tacme\tchat\t1\t2026-03-09 14:00:00+00\t\\N\n").Err(); err != nil {
		t.Fatal(err)
	}
}
