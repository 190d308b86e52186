package doctor_test

import (
	"testing"

	"github.com/eduardosanzb/flagmeter/internal/doctor"
	"github.com/eduardosanzb/flagmeter/internal/stack/stacktest"
)

// TestOddRowsFail has a row of each kind that no process can read as it is.
func TestOddRowsFail(t *testing.T) {
	env := stacktest.New(t)
	execSQL(t, env, `ALTER TABLE tenants DROP CONSTRAINT tenants_thresholds_no_null; ALTER TABLE api_keys DROP CONSTRAINT api_keys_expires_at_readable;
		ALTER TABLE slack_webhooks DROP CONSTRAINT slack_webhooks_url_form;
		INSERT INTO tenants (name, thresholds) VALUES ('typo', '{80,NULL}'), ('acme', '{80}');
		INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', 'nonsense');
		INSERT INTO api_keys (id, hash, session_key, scope, expires_at) VALUES ('018f0c4e-0000-7000-8000-000000000001', decode(md5('a') || md5('b'), 'hex'), decode(md5('a') || md5('b'), 'hex'), 'read', 'infinity')`)
	found, _ := visit{settings: map[string]string{"AUTH": "required"}}.examine(t, env)
	must(t, found, "tenants/rows of tenants", doctor.Fail, `"typo"`, "flagmeter tenants set")
	must(t, found, "tenants/rows of api_keys", doctor.Fail, "018f0c4e-0000-7000-8000-000000000001", "psql")
	var id string
	if err := env.DB.Get(&id, "SELECT id FROM slack_webhooks"); err != nil {
		t.Fatal(err)
	}
	must(t, found, "webhooks/slack "+id, doctor.Fail, "malformed", "slack_webhooks")
}
