#!/bin/sh
# Makes the roles, with passwords from secrets: at the first start of Postgres, and, as the service
# roles, before each `docker compose up`, so that a database of an earlier version gets those that
# are new. psql reads the passwords itself, so no command line shows them.
set -eu

[ -z "${POSTGRES_PASSWORD_FILE-}" ] || PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD="${PGPASSWORD-}"
run() { psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"; }

run -f "${FLAGMETER_SQL:-/flagmeter}/roles.sql"
run <<SQL
SELECT 'CREATE ROLE grafana LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE'
	WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \\gexec
\set owner \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_owner_password\`
\set app \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_app_password\`
\set ingest \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_ingest_password\`
\set flusher \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_flusher_password\`
\set grafana \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_grafana_password\`
ALTER ROLE flagmeter_owner PASSWORD :'owner';
ALTER ROLE flagmeter_app PASSWORD :'app';
ALTER ROLE flagmeter_ingest PASSWORD :'ingest';
ALTER ROLE flagmeter_flusher PASSWORD :'flusher';
ALTER ROLE grafana PASSWORD :'grafana';
SQL
