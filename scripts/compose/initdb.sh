#!/bin/sh
# Makes the roles at the first start of Postgres, with passwords from secrets. psql reads the
# passwords itself, so no command line shows them.
set -eu

run() { psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"; }

run -f "${FLAGMETER_SQL:-/flagmeter}/roles.sql"
run <<SQL
CREATE ROLE grafana LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
\set owner \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_owner_password\`
\set app \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_app_password\`
\set ingest \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_ingest_password\`
\set grafana \`cat ${FLAGMETER_SECRETS:-/run/secrets}/postgres_grafana_password\`
ALTER ROLE flagmeter_owner PASSWORD :'owner';
ALTER ROLE flagmeter_app PASSWORD :'app';
ALTER ROLE flagmeter_ingest PASSWORD :'ingest';
ALTER ROLE grafana PASSWORD :'grafana';
SQL
