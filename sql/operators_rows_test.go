package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lib/pq"

	schema "github.com/eduardosanzb/flagmeter/sql"
	"github.com/eduardosanzb/flagmeter/test/kit/stacktest"
)

// TestRowsThatNobodyCouldReadAreRefused types what an operator may mistype. Each is refused
// with the name of the rule, and what is meant is taken.
func TestRowsThatNobodyCouldReadAreRefused(t *testing.T) {
	env := stacktest.New(t)
	const key = `INSERT INTO api_keys (id, hash, session_key, scope, `
	const values = `)
		VALUES (gen_random_uuid(), decode(md5('a') || md5(random()::text), 'hex'), decode(md5('a') || md5('b'), 'hex'), 'read', `
	for statement, rule := range map[string]string{
		`INSERT INTO tenants (name, thresholds)
			VALUES ('typo', '{80,NULL}')`: "tenants_thresholds_no_null",
		`INSERT INTO tenants (name, thresholds)
			VALUES ('typo', '{NULL}')`: "tenants_thresholds_no_null",
		`INSERT INTO tenants (name, thresholds)
			VALUES ('typo', '{{80},{90}}')`: "tenants_thresholds_one_dimension",
		`INSERT INTO tenants (name, thresholds)
			VALUES ('typo', '{{80,NULL}}')`: "tenants_thresholds_one_dimension",
		`INSERT INTO tenants (name, thresholds)
			VALUES ('typo', '[0:1]={80,90}')`: "tenants_thresholds_one_dimension",
		`INSERT INTO tenants (name, thresholds)
			VALUES ('typo', '{80,90,80}')`: "tenants_thresholds_differ",
		`INSERT INTO tenants (name, thresholds) VALUES ('fine', '{}'), ('too', '{90,80}')`: "",
		`INSERT INTO slack_webhooks (tenant, url)
			VALUES ('acme', 'hooks.slack.com/x')`: "slack_webhooks_url_form",
		`INSERT INTO slack_webhooks (tenant, url)
			VALUES ('acme', '')`: "slack_webhooks_url_form",
		`INSERT INTO slack_webhooks (tenant, url)
			VALUES ('acme', 'https://a b/')`: "slack_webhooks_url_form",
		`INSERT INTO slack_webhooks (tenant, url) VALUES ('acme', 'https://h.example/x')`: "",
		key + `expires_at` + values +
			`'infinity')`: "api_keys_expires_at_readable",
		key + `expires_at` + values +
			`'20000-01-01Z')`: "api_keys_expires_at_readable",
		key + `created_at` + values +
			`'-infinity')`: "api_keys_created_at_readable",
		key + `revoked_at` + values +
			`'infinity')`: "api_keys_revoked_at_readable",
		key + `last_used_at` + values +
			`'infinity')`: "api_keys_last_used_at_readable",
		key + `expires_at` + values + `NULL)`:          "",
		key + `expires_at` + values + `'2030-01-01Z')`: "",
	} {
		tx, err := env.DB.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO tenants (name) VALUES ('acme')"); err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(statement)
		var refusal *pq.Error
		switch {
		case rule == "" && err != nil:
			t.Errorf("%s: %v", statement, err)
		case rule != "" && (!errors.As(err, &refusal) || refusal.Constraint != rule):
			t.Errorf("%s: %v, want a refusal by %s", statement, err, rule)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOddRowsAreMendedOnTheWay migrates a database that has them, and changes them then: a
// constraint that came later must not keep an operator from that.
func TestOddRowsAreMendedOnTheWay(t *testing.T) {
	env, owner := older(t, 10)
	if _, err := env.DB.Exec(`
		INSERT INTO tenants (name, thresholds)
		VALUES ('null', '{80,NULL}'), ('deep', '{{90},{80}}'), ('low', '[0:1]={70,60}'), ('twice', '{80,100,80}'), ('fine', '{100,80}'), ('none', '{}');
		INSERT INTO slack_webhooks (tenant, url)
		VALUES ('fine', 'nonsense'), ('fine', 'https://hooks.example/x');
		INSERT INTO api_keys (id, hash, session_key, name, scope, created_at, expires_at, revoked_at, last_used_at)
			SELECT gen_random_uuid(), decode(md5(name) || md5(name), 'hex'), decode(md5(name) || md5(name), 'hex'), name, 'read', created, expires, revoked, used
			FROM (VALUES ('ever', timestamptz '2026-01-01Z', timestamptz 'infinity', NULL::timestamptz, timestamptz 'infinity'), ('far', '2026-01-01Z', '20000-01-01Z', NULL, NULL),
				('gone', '-infinity', NULL, 'infinity', NULL), ('past', 'infinity', '-infinity', NULL, NULL), ('fine', '2026-01-01Z', '2030-01-01Z', NULL, '2026-02-01Z')) AS k (name, created, expires, revoked, used)`); err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := env.DB.Select(&got,
		"SELECT name || thresholds::text FROM tenants ORDER BY name"); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(got, " "); text != "deep{80,90} fine{100,80} low{60,70} none{} null{80} "+
		"twice{80,100}" {
		t.Errorf("the thresholds are %s", text)
	}
	got = nil
	if err := env.DB.Select(&got,
		`SELECT concat_ws(' ', name, isfinite(created_at), coalesce(extract(year
			FROM expires_at AT TIME ZONE 'UTC')::text, 'never'), revoked_at IS NOT NULL, last_used_at IS NOT NULL) FROM api_keys ORDER BY name`); err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(got, ", "); text != "ever t never f f, far t never f f, fine t 2030 f "+
		"t, gone t never t f, past t 1970 f f" {
		t.Errorf("the keys are %s", text)
	}
	for _, statement := range []string{"UPDATE tenants SET monthly_quota = 5",
		"UPDATE api_keys SET last_used_at = now()",
		"UPDATE slack_webhooks SET enabled = false WHERE url = 'nonsense'"} {
		if _, err := env.DB.Exec(statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
