-- The roles of a database for FlagMeter: run this in it once, as a superuser or as whoever
-- may create roles, and again at any time.
--
--   psql -d flagmeter -f roles.sql
--   \password flagmeter_owner  and so on: each role needs one to log in
--
--   flagmeter_owner   owns the schema; for `flagmeter migrate` alone (MIGRATE_DATABASE_URL)
--   flagmeter_app     the alerter and the commands: reads and writes rows, but no hash of an
--                     API key
--   flagmeter_ingest  the API: flagmeter_app, and the hashes of API keys
--   flagmeter_flusher the flusher: flagmeter_app, and may drop what is no longer kept, which
--                     flagmeter_retention, a role without login, is allowed
--
-- What they may do with each table is in grants.sql, which `flagmeter migrate` applies: run that
-- after this file.
--
-- Coming from a version whose flusher worked as flagmeter_app, that role keeps flagmeter_retention
-- until you take it away, when the flusher has its own account:
--
--   REVOKE flagmeter_retention FROM flagmeter_app

DO $$
DECLARE
    name    text;
    it      record;
    earlier boolean := EXISTS (SELECT FROM pg_roles WHERE rolname = 'flagmeter_app')
        AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'flagmeter_flusher');
BEGIN
    FOREACH name IN ARRAY ARRAY['flagmeter_owner', 'flagmeter_app', 'flagmeter_ingest', 'flagmeter_flusher'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'flagmeter_retention') THEN
        CREATE ROLE flagmeter_retention NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
    END IF;
    GRANT flagmeter_app TO flagmeter_ingest, flagmeter_flusher;
    GRANT flagmeter_retention TO flagmeter_flusher;
    IF earlier THEN
        GRANT flagmeter_retention TO flagmeter_app;
        RAISE NOTICE 'flagmeter_app may still drop what is no longer kept: REVOKE flagmeter_retention FROM flagmeter_app, when the flusher works as flagmeter_flusher';
    END IF;

    -- Temporary tables are what a recovery from lost writes works with.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO flagmeter_owner, flagmeter_app', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO flagmeter_owner;
    GRANT USAGE ON SCHEMA public TO flagmeter_app;

    -- What migrations have made as another role before becomes the owner's. It is known by its
    -- name: whatever else lies in the schema is somebody else's, and a function that works with the
    -- rights of its owner would get those of this one.
    FOR it IN
        SELECT c.oid::regclass AS name, c.relkind FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> 'flagmeter_owner'::regrole
            AND (c.relname = ANY (ARRAY['schema_migrations', 'tenants', 'tenants_version', 'events', 'rollups', 'rollups_before', 'rollups_dropped', 'usage_daily',
                'flushes', 'dead_events', 'slack_webhooks', 'alerts', 'alert_deliveries', 'deliveries', 'webhooks', 'delivery_attempts', 'slack_pace',
                'api_keys', 'api_keys_version', 'retention', 'retention_policy', 'last_backup', 'tenant_names', 'kept_features',
                'prices', 'price_names', 'prices_version', 'currency'])
                OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent IN (to_regclass('public.events'), to_regclass('public.rollups'))))
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO flagmeter_owner', CASE it.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, it.name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['bump_tenants_version()', 'bump_api_keys_version()', 'create_event_partitions(date, date)', 'all_differ(int[])',
        'name_fault(text)', 'keep_longer_lines()', 'note_tenant_names()', 'keep_tenants()', 'keep_tenant_names()', 'refuse_reserved_name()',
        'bump_prices_version()', 'keep_prices()',
        'partitions_of(text)', 'create_partitions(text, timestamptz, timestamptz)', 'drop_old_partition(text, timestamptz)',
        'partition_state(text, timestamptz)', 'forget_flushes(timestamptz, uuid[], int)'] LOOP
        IF to_regprocedure('public.' || name) IS NOT NULL THEN
            EXECUTE format('ALTER FUNCTION public.%s OWNER TO flagmeter_owner', name);
        END IF;
    END LOOP;
END $$;
