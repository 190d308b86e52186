-- What flagmeter_app and flagmeter_ingest may do, no more than they do. `flagmeter migrate`
-- applies this after the migrations, if roles.sql has made the roles. Nobody but the owner
-- may drop, alter or truncate anything, and raw events are never changed nor deleted.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM flagmeter_app, flagmeter_ingest;

GRANT SELECT ON schema_migrations TO flagmeter_app;

GRANT SELECT, INSERT, UPDATE (monthly_quota, billing_day, timezone, thresholds, rate_limit, rate_burst, enforce, archived_at, display_name)
    ON tenants TO flagmeter_app;
GRANT SELECT ON tenant_names, kept_features TO flagmeter_app; -- names are noted by the trigger on tenants
GRANT SELECT, UPDATE (version) ON tenants_version TO flagmeter_app; -- by the trigger on tenants

-- The sums: an audit that repairs deletes those that are nought.
GRANT SELECT, INSERT ON events, dead_events TO flagmeter_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON rollups, usage_daily TO flagmeter_app;
-- No row of the ledger is changed: LOCK TABLE asks for the right to do so.
GRANT SELECT, INSERT, UPDATE ON flushes TO flagmeter_app;

GRANT SELECT, INSERT, UPDATE (cleared_at) ON alerts TO flagmeter_app;
GRANT SELECT, INSERT, UPDATE ON deliveries, delivery_attempts, slack_pace TO flagmeter_app;
GRANT SELECT, UPDATE (enabled) ON slack_webhooks, webhooks TO flagmeter_app;

-- Hashes of API keys: for the API, and for `flagmeter keys`.
GRANT SELECT, INSERT, UPDATE (revoked_at, last_used_at) ON api_keys TO flagmeter_ingest;
GRANT SELECT, UPDATE (version) ON api_keys_version TO flagmeter_ingest; -- by the trigger on api_keys

-- Prices are only added.
GRANT SELECT, INSERT ON prices, price_names, currency TO flagmeter_app;
GRANT SELECT, UPDATE (version) ON prices_version TO flagmeter_app; -- by the triggers on both tables

REVOKE EXECUTE ON FUNCTION create_event_partitions(date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_event_partitions(date, date) TO flagmeter_app;

-- Partitions are made and dropped, and the ledger is shortened, by functions of the owner that
-- refuse to touch what is still needed.
GRANT SELECT ON retention, retention_policy, rollups_dropped, last_backup TO flagmeter_app;
GRANT EXECUTE ON FUNCTION create_partitions(text, timestamptz, timestamptz), partitions_of(text), partition_state(text, timestamptz) TO flagmeter_app;

-- What deletes is for the flusher's own role. Where roles.sql has not made it yet, because it is
-- that of the version before, the flusher still works as flagmeter_app.
DO $$
DECLARE
    deletes CONSTANT text := 'FUNCTION drop_old_partition(text, timestamptz), forget_flushes(timestamptz, uuid[], int)';
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'flagmeter_retention') THEN
        EXECUTE 'REVOKE EXECUTE ON ' || deletes || ' FROM flagmeter_app';
        EXECUTE 'GRANT EXECUTE ON ' || deletes || ' TO flagmeter_retention';
    ELSE
        EXECUTE 'GRANT EXECUTE ON ' || deletes || ' TO flagmeter_app';
    END IF;
END $$;
