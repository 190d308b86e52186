-- The roles of a database for FlagMeter: run this in it once, as a superuser or as whoever
-- may create roles, and again at any time.
--
--   psql -d flagmeter -f roles.sql
--   \password flagmeter_owner  and so on: each role needs one to log in
--
--   flagmeter_owner   owns the schema; for `flagmeter migrate` alone (MIGRATE_DATABASE_URL)
--   flagmeter_app     the flusher, the alerter and the commands: reads and writes rows, but
--                     no hash of an API key
--   flagmeter_ingest  the API: flagmeter_app, and the hashes of API keys
--
-- What the two may do with each table is in grants.sql, which `flagmeter migrate` applies.

DO $$
DECLARE
    name text;
    it   record;
BEGIN
    FOREACH name IN ARRAY ARRAY['flagmeter_owner', 'flagmeter_app', 'flagmeter_ingest'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
        END IF;
    END LOOP;
    GRANT flagmeter_app TO flagmeter_ingest;

    -- Temporary tables are what a recovery from lost writes works with.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO flagmeter_owner, flagmeter_app', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO flagmeter_owner;
    GRANT USAGE ON SCHEMA public TO flagmeter_app;

    -- What another role has made before becomes the owner's.
    FOR it IN
        SELECT oid::regclass AS name, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relowner <> 'flagmeter_owner'::regrole
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO flagmeter_owner', CASE it.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, it.name);
    END LOOP;
    FOR it IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE pronamespace = 'public'::regnamespace AND proowner <> 'flagmeter_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO flagmeter_owner', it.name);
    END LOOP;
END $$;
