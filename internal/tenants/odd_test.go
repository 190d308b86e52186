package tenants

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eduardosanzb/flagmeter/internal/meter"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestOneOddRowFreezesNobody has rows that cannot be read, as a database has that was edited
// before there were constraints. Everybody else's change is in force, and so is what can be read.
func TestOneOddRowFreezesNobody(t *testing.T) {
	r := newRig(t, stacktest.New(t))
	r.exec("INSERT INTO tenants (name, monthly_quota) VALUES ('acme', 5)")
	r.refresh()
	r.exec(`ALTER TABLE tenants DROP CONSTRAINT tenants_thresholds_no_null,
		DROP CONSTRAINT tenants_thresholds_one_dimension,
		DROP CONSTRAINT tenants_thresholds_differ, DROP CONSTRAINT tenants_enforce_check`)
	r.exec(`INSERT INTO tenants (name, thresholds, enforce) VALUES ('null', '{80,NULL}', 'off'),
		('deep', '{{90},{80}}', 'soft'), ('low', '[0:1]={70,60}', 'off'), ('new', '{80}', 'gate')`)
	r.exec("UPDATE tenants SET monthly_quota = 7 WHERE name = 'acme'")
	r.refresh()
	if got := r.get("acme").Quota; got != 7 {
		t.Errorf("the quota of another tenant is %d, want 7", got)
	}
	for name, want := range map[string][]int{
		"null": {80}, "deep": {80, 90}, "low": {60, 70}, "new": {80},
	} {
		if got := r.get(name).Thresholds; !slices.Equal(got, want) {
			t.Errorf("thresholds of %s: %v, want %v", name, got, want)
		}
		if !strings.Contains(r.out.String(), "row="+name) {
			t.Errorf("nothing is logged of %s: %s", name, r.out.String())
		}
	}
	if got := r.get("deep").Enforce; got != meter.EnforceSoft {
		t.Errorf("what can be read of a row is not in force: %s", got)
	}
	if !strings.Contains(r.out.String(), "level=ERROR") || r.Unreadable() != 4 {
		t.Errorf("%d are unreadable, log: %s", r.Unreadable(), r.out.String())
	}
	r.exec("UPDATE tenants SET thresholds = '{80}', enforce = 'off'")
	r.refresh()
	if r.Unreadable() != 0 {
		t.Errorf("%d are unreadable after they were corrected", r.Unreadable())
	}
}

// TestAnOddRowOfTheCopyIsSkipped starts from a copy that another version has left.
func TestAnOddRowOfTheCopyIsSkipped(t *testing.T) {
	rows, odd, err := decode(copies{tenants: []byte(
		`[{"name":"a","timezone":"Nowhere/Land","billingDay":1},
		{"name":"b","timezone":"UTC","enforce":"gate","quota":5},
		{"name":"c","timezone":"UTC","thresholds":"80"},{"name":"d","timezone":"Europe/Berlin"}]`)})
	all := rows.tenants
	if err != nil || len(odd) != 3 || len(all) != 3 {
		t.Fatalf("%+v, %+v, %v", all, odd, err)
	}
	if all[0].Zone != time.UTC || all[1].Quota != 5 || all[1].Enforce != meter.EnforceOff ||
		all[2].Zone.String() != "Europe/Berlin" || odd[2].Row != "c" {
		t.Errorf("%+v, %+v", all, odd)
	}
}
