package doctor_test

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestOddRowsFail has a row of each kind that no process can read as it is.
func TestOddRowsFail(t *testing.T) {
	env := stacktest.New(t)
	execSQL(t, env, `ALTER TABLE tenants DROP CONSTRAINT tenants_thresholds_no_null; ALTER TABLE
		api_keys DROP CONSTRAINT api_keys_expires_at_readable;
		ALTER TABLE slack_webhooks DROP CONSTRAINT slack_webhooks_url_form;
		INSERT INTO tenants (name, thresholds) VALUES ('typo', '{80,NULL}'), ('acme', '{80}');
		INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', 'nonsense');
		INSERT INTO api_keys (id, hash, session_key, scope, expires_at)
		VALUES ('018f0c4e-0000-7000-8000-000000000001', decode(md5('a') || md5('b'), 'hex'),
			decode(md5('a') || md5('b'), 'hex'), 'read', 'infinity')`)
	found, _ := visit{settings: map[string]string{"AUTH": "required"}}.examine(t, env)
	must(t, found, "tenants/rows of tenants", doctor.Fail, `"typo"`, "flagmeter tenants set")
	must(t, found, "tenants/rows of api_keys", doctor.Fail,
		"018f0c4e-0000-7000-8000-000000000001", "psql")
	var id string
	if err := env.DB.Get(&id, "SELECT id FROM slack_webhooks"); err != nil {
		t.Fatal(err)
	}
	must(t, found, "webhooks/slack "+id, doctor.Fail, "malformed", "slack_webhooks")
}

// TestRetentionIsTheDatabases has the flusher's setting in the owner's table, and the rights of the
// version before.
func TestRetentionIsTheDatabases(t *testing.T) {
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "schema/retention", doctor.Warn, "40 days alone", "flagmeter migrate")
	must(t, found, "schema/flusher's role", doctor.OK, "only it", "")
	execSQL(t, env,
		"INSERT INTO retention_policy (name, keep) VALUES ('events', '90 days'), ('rollups', NULL);"+
			" GRANT EXECUTE ON FUNCTION drop_old_partition(text, timestamptz) TO flagmeter_app")
	found, _ = visit{}.examine(t, env)
	must(t, found, "schema/retention", doctor.OK, "events for 2160h0m0s", "")
	must(t, found, "schema/flusher's role", doctor.Warn, "flagmeter_app", "REVOKE flagmeter_retention")
}

// TestMessagesThatWereGivenUpFail has webhooks that can be reached, and a message that none took.
func TestMessagesThatWereGivenUpFail(t *testing.T) {
	env := stacktest.New(t)
	found, _ := visit{}.examine(t, env)
	must(t, found, "webhooks/deliveries", doctor.OK, "none was given up", "")
	execSQL(t, env, `INSERT INTO tenants (name) VALUES ('acme');
		INSERT INTO alerts (id, tenant, period_start, period_end, threshold, used, quota)
		VALUES ('018f0c4e-0000-7000-8000-000000000001', 'acme', '2026-01-01', '2026-02-01', 80, 9, 10);
		INSERT INTO deliveries (alert_id, target, status)
		VALUES ('018f0c4e-0000-7000-8000-000000000001', 'default', 'dead');
		INSERT INTO deliveries (alert_id, target, next_attempt_at)
		VALUES ('018f0c4e-0000-7000-8000-000000000001', 'default', now() - interval '1 hour')`)
	found, _ = visit{}.examine(t, env)
	must(t, found, "webhooks/deliveries", doctor.Fail, "1 messages were given up",
		"flagmeter alerts resend")
	must(t, found, "webhooks/overdue", doctor.Fail, "1 messages", "alerter runs")
	execSQL(t, env,
		"UPDATE deliveries SET created_at = now() - interval '8 days', next_attempt_at = now()")
	found, _ = visit{}.examine(t, env)
	must(t, found, "webhooks/deliveries", doctor.Warn, "older than 7 days", "flagmeter alerts resend")
	if _, told := found["webhooks/overdue"]; told {
		t.Error("a message that is due now is overdue")
	}
}

// TestADevelopersStackIsWell has the settings of whoever types `flagmeter doctor` beside `flagmeter
// dev`: the two addresses that it prints, and no more.
func TestADevelopersStackIsWell(t *testing.T) {
	env := stacktest.New(t)
	found, _ := visit{settings: map[string]string{"LISTEN_ADDR": ""}}.examine(t, env)
	must(t, found, "tenants/api keys", doctor.Warn, "only an API that asks for none",
		"flagmeter keys create")
	found, _ = visit{settings: map[string]string{"LISTEN_ADDR": "", "AUTH": "required"}}.examine(t,
		env)
	must(t, found, "tenants/api keys", doctor.Fail, "nobody can use the API", "flagmeter keys create")
}
