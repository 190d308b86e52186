-- Grafana's user in FlagMeter's database, which can read what the dashboard Usage shows and
-- nothing else. Run it as whoever may create roles, now and again whenever tables were added:
--
--   psql -d flagmeter -f postgres.sql
--   \password grafana

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') THEN
        CREATE ROLE grafana LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO grafana', current_database());
END $$;

-- A question that takes long gives up before it is in the flusher's way.
ALTER ROLE grafana CONNECTION LIMIT 8;
ALTER ROLE grafana SET statement_timeout = '10s';
ALTER ROLE grafana SET default_transaction_read_only = on;

GRANT USAGE ON SCHEMA public TO grafana;
GRANT SELECT ON tenants, rollups, usage_daily, alerts, deliveries TO grafana;
