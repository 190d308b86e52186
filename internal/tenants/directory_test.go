package tenants

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/scripts"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// rig is a directory on stores of the test's own.
type rig struct {
	*Directory
	*testing.T
	env *stacktest.Env
	out bytes.Buffer // the log
}

func newRig(t *testing.T, env *stacktest.Env) *rig {
	t.Helper()
	r := &rig{T: t, env: env}
	r.Directory = r.another()
	return r
}

// another is the directory of a process that starts now.
func (r *rig) another() *Directory {
	return New(r.env.DB, scripts.New(r.env.Valkey, 1), slog.New(slog.NewTextHandler(&r.out, nil)))
}

func (r *rig) exec(sql string, args ...any) {
	r.Helper()
	if _, err := r.env.DB.ExecContext(r.Context(), sql, args...); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) refresh() {
	r.Helper()
	if err := r.Refresh(r.Context()); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) get(name string) meter.Tenant {
	r.Helper()
	t, ok := r.Get(name)
	if !ok {
		r.Fatalf("no tenant %q", name)
	}
	return t
}

func TestAnEditBySQLIsInForceAfterARefresh(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	if _, ok := r.Get("acme"); ok || len(r.All()) > 0 {
		t.Error("a new directory knows somebody")
	}
	r.exec("INSERT INTO tenants (name) VALUES ('zed'), ('acme')")
	r.refresh()
	if got := r.get("acme"); got.Quota != 0 || got.BillingDay != 1 || got.Zone != time.UTC ||
		!slices.Equal(got.Thresholds, []int{80}) || got.Archived {
		t.Errorf("defaults: %+v", got)
	}
	if all := r.All(); len(all) != 2 || all[0].Name != "acme" || all[1].Name != "zed" {
		t.Errorf("all: %+v, want acme and zed", all)
	}

	r.exec(`UPDATE tenants SET monthly_quota = 500, billing_day = 31, timezone = 'Asia/Tokyo',
		thresholds = '{100,50}', archived_at = now()
		WHERE name = 'acme'`)
	if got := r.get("acme"); got.Quota != 0 {
		t.Errorf("before the refresh: %+v", got)
	}
	r.refresh()
	got := r.get("acme")
	if got.Quota != 500 || got.BillingDay != 31 || got.Zone.String() != "Asia/Tokyo" ||
		!slices.Equal(got.Thresholds, []int{50, 100}) || !got.Archived {
		t.Errorf("after it: %+v", got)
	}

	r.exec("UPDATE tenants SET display_name = 'acme-corp' WHERE name = 'acme'")
	r.refresh()
	if got := r.get("acme-corp"); got.Name != "acme" || got.Shown() != "acme-corp" {
		t.Errorf("after a new name: %+v", got)
	}
}

func TestTheTableIsLoadedOnlyWhenItHasChanged(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	r.exec("INSERT INTO tenants (name) VALUES ('acme')")
	r.refresh()
	// With its trigger off, a change does not announce itself.
	r.exec("ALTER TABLE tenants DISABLE TRIGGER tenants_changed")
	r.exec("UPDATE tenants SET monthly_quota = 5")
	r.refresh()
	if got := r.get("acme").Quota; got != 0 {
		t.Errorf("quota %d: the table was read although its version is the same", got)
	}
	r.exec("UPDATE tenants_version SET version = version + 1")
	r.refresh()
	if got := r.get("acme").Quota; got != 5 {
		t.Errorf("quota %d: the table was not read although its version has changed", got)
	}
}

func TestAChangeIsInForceOnlyOnceItIsCommitted(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	r.exec("INSERT INTO tenants (name) VALUES ('acme')")
	tx, err := r.env.DB.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.Exec("UPDATE tenants SET monthly_quota = 5"); err != nil {
		t.Fatal(err)
	}
	r.refresh() // sees the state before, and must not take it for the one after
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	r.refresh()
	if got := r.get("acme").Quota; got != 5 {
		t.Errorf("quota %d, want 5", got)
	}
}

func TestAZoneThatGoDoesNotKnowIsReported(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	r.exec("INSERT INTO tenants (name, timezone) VALUES ('posix', 'FOO+3'), ('fine', 'Europe/Berlin')")
	r.refresh()
	if got := r.get("posix").Zone; got != time.UTC {
		t.Errorf("zone %v, want UTC", got)
	}
	if got := r.get("fine").Zone.String(); got != "Europe/Berlin" {
		t.Errorf("zone %s, want Europe/Berlin", got)
	}
	if log := r.out.String(); !strings.Contains(log, "level=ERROR") ||
		!strings.Contains(log, "row=posix") || strings.Contains(log, "row=fine") {
		t.Errorf("log: %s", log)
	}
}

func TestADirectoryStartsFromTheCopyWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	r.exec(`INSERT INTO tenants (name, monthly_quota, billing_day, timezone, thresholds, archived_at,
		rate_limit, rate_burst, enforce)
		VALUES ('acme "é" \ 🦉', 9223372036854775807, 31, 'America/Sao_Paulo', '{50,80}', NULL, 5,
			7, 'strict'),
		('gone', NULL, 1, 'UTC', '{}', now(), 0, NULL, 'off')`)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := r.All()
	r.env.Stack.Postgres.Kill()

	later := r.another()
	if err := later.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(later.All(), want, equal) {
		t.Errorf("got %+v\nwant %+v", later.All(), want)
	}
	if !strings.Contains(r.out.String(), "started with the copy") {
		t.Errorf("log: %s", r.out.String())
	}
	if err := later.Refresh(t.Context()); err == nil {
		t.Error("a refresh without Postgres succeeds")
	}

	if err := r.env.Stack.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.exec("ALTER TABLE tenants DISABLE TRIGGER tenants_changed")
	r.exec("UPDATE tenants SET monthly_quota = 7 WHERE name = 'gone'")
	if err := later.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := later.Get("gone"); got.Quota != 7 {
		t.Errorf("%+v: the copy was taken for the table", got)
	}
}

func equal(a, b meter.Tenant) bool {
	return a.Name == b.Name && a.Quota == b.Quota && a.BillingDay == b.BillingDay &&
		a.Archived == b.Archived &&
		a.Zone.String() == b.Zone.String() && slices.Equal(a.Thresholds, b.Thresholds) &&
		a.Rate == b.Rate && a.OwnRate == b.OwnRate && a.Enforce == b.Enforce
}

func TestADirectoryWithNeitherTableNorCopyDoesNotStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	r.env.Stack.Postgres.Kill()
	if err := r.Start(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "no copy of the tenants") {
		t.Errorf("without a copy: %v", err)
	}
	for _, broken := range []string{"", "{", `{"name":"a"}`} {
		if err := r.valkey.TenantsCopy().Save(t.Context(), []byte(broken)); err != nil {
			t.Fatal(err)
		}
		err := r.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), "decode copy of tenants") {
			t.Errorf("with the copy %q: %v", broken, err)
		}
	}
	r.env.Stack.Valkey.Kill()
	err := r.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "load copy of tenants") {
		t.Errorf("without Valkey: %v", err)
	}
}

func TestTheCopyIsRenewedWhenValkeyIsBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, stacktest.Own(t))
	r.exec("INSERT INTO tenants (name) VALUES ('acme')")
	r.refresh()
	r.env.Stack.Valkey.Kill()
	r.exec("INSERT INTO tenants (name) VALUES ('zed')")
	for range 3 {
		r.refresh() // the table is in force without the copy
	}
	if len(r.All()) != 2 {
		t.Errorf("all: %+v, want acme and zed", r.All())
	}
	if n := strings.Count(r.out.String(),
		"the copy of the tenants in valkey cannot be renewed"); n != 1 {
		t.Errorf("the log says so %d times, want once:\n%s", n, r.out.String())
	}

	if err := r.env.Stack.Valkey.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.refresh() // the table has not changed again
	copy, err := r.valkey.TenantsCopy().Load(t.Context())
	if err != nil || !strings.Contains(string(copy), `"zed"`) {
		t.Errorf("copy %s, %v: zed is missing", copy, err)
	}
}

func TestCreateKeepsWhatExists(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	r.exec("INSERT INTO tenants (name, monthly_quota, archived_at)" +
		" VALUES ('old', 5, NULL), ('gone', 6, now())")
	like := meter.Tenant{Quota: 100, BillingDay: 15, Zone: time.UTC, Thresholds: []int{90}}
	err := r.Create(t.Context(), []string{"new", "old", "gone", "new", `a'"\{},é`}, like)
	if err != nil {
		t.Fatal(err)
	}
	got := r.get("new")
	if got.Quota != 100 || got.BillingDay != 15 || !slices.Equal(got.Thresholds, []int{90}) {
		t.Errorf("new: %+v", got)
	}
	if old, gone := r.get("old"), r.get("gone"); old.Quota != 5 || gone.Quota != 6 || !gone.Archived {
		t.Errorf("old: %+v, gone: %+v", old, gone)
	}
	r.get(`a'"\{},é`)
	if len(r.All()) != 4 {
		t.Errorf("%d tenants, want 4", len(r.All()))
	}
}
