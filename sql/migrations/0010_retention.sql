-- +migrate Up

SET LOCAL lock_timeout = '3s';

-- rollups are partitions by (UTC) month. What there was until now is the first of them, as it
-- is: because of its bound nothing is read, so the lock on it is held for an instant. The
-- version before goes on writing to the same name.
LOCK TABLE tenants IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE rollups IN ACCESS EXCLUSIVE MODE;
ALTER TABLE rollups RENAME TO rollups_before; -- safe: the name is there again, with the same columns
ALTER INDEX rollups_pkey RENAME TO rollups_before_pkey; -- safe: nobody names it
ALTER INDEX rollups_tenant_minute RENAME TO rollups_before_tenant_minute; -- safe: nobody names it
CREATE TABLE rollups (
    tenant       text        NOT NULL REFERENCES tenants (name) ON UPDATE CASCADE,
    feature      text        NOT NULL,
    minute       timestamptz NOT NULL,
    total_tokens bigint      NOT NULL,
    events       bigint      NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, feature, minute)
) PARTITION BY RANGE (minute);
CREATE INDEX rollups_tenant_minute ON rollups (tenant, minute);
CREATE TABLE rollups_default PARTITION OF rollups DEFAULT;
-- +migrate StatementBegin
DO $$
DECLARE
    bound text;
    it    record;
BEGIN
    -- Whoever had a right to the table has it still, before grants.sql says so again.
    FOR it IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS role, privilege_type AS privilege
        FROM pg_class, aclexplode(relacl) WHERE oid = 'rollups_before'::regclass AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON rollups TO %s', it.privilege, it.role);
    END LOOP;
    IF NOT EXISTS (SELECT FROM rollups_before) THEN
        DROP TABLE rollups_before; -- safe: it has no row
        RETURN;
    END IF;
    SELECT substring(pg_get_constraintdef(oid) FROM '''([^'']+)''') INTO bound
        FROM pg_constraint WHERE conrelid = 'rollups_before'::regclass AND conname = 'rollups_before_bound';
    EXECUTE format('ALTER TABLE rollups ATTACH PARTITION rollups_before FOR VALUES FROM (MINVALUE) TO (%L)', bound);
END $$;
-- +migrate StatementEnd

-- retention: the rows of a table from before since are gone with their partitions.
CREATE TABLE retention (
    name  text        PRIMARY KEY CHECK (name IN ('events', 'rollups')),
    since timestamptz NOT NULL
);

-- rollups_dropped: what the dropped months of rollups added up to. With it, all days and all
-- minutes of a feature still add up to the same, which is what an audit goes by.
CREATE TABLE rollups_dropped (
    tenant       text    NOT NULL REFERENCES tenants (name) ON UPDATE CASCADE,
    feature      text    NOT NULL,
    total_tokens numeric NOT NULL,
    events       numeric NOT NULL,
    PRIMARY KEY (tenant, feature)
);

-- partitions_of lists the partitions of events or rollups, but the default one, and the times
-- that they hold: first and later, before after.
-- +migrate StatementBegin
CREATE FUNCTION partitions_of(parent text) RETURNS TABLE (part regclass, first timestamptz, after timestamptz) LANGUAGE sql STABLE AS $$
    SELECT oid::regclass, coalesce(substring(bound FROM 'FROM \(''([^'']+)''\)')::timestamptz, '-infinity'),
        substring(bound FROM 'TO \(''([^'']+)''\)')::timestamptz
    FROM (SELECT c.oid, pg_get_expr(c.relpartbound, c.oid) AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(parent)) p
    WHERE bound <> 'DEFAULT'
$$;
-- +migrate StatementEnd

-- create_partitions makes the partitions, by day of events and by month of rollups, that are
-- missing for the times first to last or for rows in the default partition, which move there.
-- A table is filled before it is attached: that keeps neither readers nor writers waiting,
-- but those of the default partition.
-- +migrate StatementBegin
CREATE FUNCTION create_partitions(parent text, first timestamptz, last timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    at    text;
    unit  text;
    form  text;
    part  text;
    start timestamptz;
    stop  timestamptz;
    made  int := 0;
BEGIN
    CASE parent
        WHEN 'events'  THEN at := 'created_at'; unit := 'day';   form := 'YYYYMMDD';
        WHEN 'rollups' THEN at := 'minute';     unit := 'month'; form := 'YYYYMM';
    END CASE;
    PERFORM pg_advisory_xact_lock(hashtext('flagmeter.event_partitions'));
    FOR start IN EXECUTE format('SELECT generate_series(date_trunc(%1$L, $1), $2, %2$L::interval)
        UNION SELECT DISTINCT date_trunc(%1$L, %3$I) FROM %4$I ORDER BY 1', unit, '1 ' || unit, at, parent || '_default') USING first, last
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM partitions_of(parent) p WHERE p.first <= start AND start < p.after);
        part := parent || '_' || to_char(start, form);
        stop := start + ('1 ' || unit)::interval;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
        EXECUTE format('WITH moved AS (DELETE FROM %1$I WHERE %2$I >= $1 AND %2$I < $2 RETURNING *) INSERT INTO %3$I SELECT * FROM moved',
            parent || '_default', at, part) USING start, stop;
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, start, stop);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
-- +migrate StatementEnd

-- drop_old_partition drops the oldest partition of events or rollups that ends by before, and
-- returns its name, or NULL if there is none. Whoever may call this may not drop what is
-- still needed: an event may be 35 days old when it comes, and then wait for Postgres.
-- +migrate StatementBegin
CREATE FUNCTION drop_old_partition(parent text, before timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    old  record;
    name text;
BEGIN
    IF parent NOT IN ('events', 'rollups') OR parent IS NULL THEN
        RAISE EXCEPTION 'no partition of % may be dropped', parent USING ERRCODE = 'invalid_parameter_value';
    ELSIF before > now() - interval '40 days' OR before IS NULL THEN
        RAISE EXCEPTION 'the last 40 days of % stay', parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('flagmeter.event_partitions'));
    SELECT * INTO old FROM partitions_of(parent) WHERE after <= before ORDER BY after LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF parent = 'rollups' THEN
        -- Keeps out only whoever writes to that month.
        EXECUTE format('LOCK TABLE %s IN SHARE MODE', old.part);
        EXECUTE format('INSERT INTO rollups_dropped AS d SELECT tenant, feature, sum(total_tokens), sum(events) FROM %s GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT (tenant, feature) DO UPDATE SET total_tokens = d.total_tokens + excluded.total_tokens, events = d.events + excluded.events', old.part);
    END IF;
    INSERT INTO retention AS r VALUES (parent, old.after)
        ON CONFLICT ON CONSTRAINT retention_pkey DO UPDATE SET since = greatest(r.since, excluded.since);
    -- From here on everybody waits who reads or writes the table.
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    name := old.part;
    EXECUTE format('DROP TABLE %s', name); -- safe: this is no part of the migration
    RETURN name;
END $$;
-- +migrate StatementEnd

-- partition_state tells where the partitions of events or rollups begin, up to where there is
-- one for every moment from now on, and how many rows the default one has (100,000 at most).
-- +migrate StatementBegin
CREATE FUNCTION partition_state(parent text, at timestamptz, OUT oldest timestamptz, OUT until timestamptz, OUT default_rows bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT min(first) INTO oldest FROM partitions_of(parent);
    SELECT min(p.after) INTO until FROM partitions_of(parent) p
        WHERE p.after > at AND NOT EXISTS (SELECT FROM partitions_of(parent) n WHERE n.first <= p.after AND n.after > p.after)
            AND EXISTS (SELECT FROM partitions_of(parent) n WHERE n.first <= at AND n.after > at);
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 100000) r', parent || '_default') INTO default_rows;
END $$;
-- +migrate StatementEnd

-- forget_flushes takes rows from before from the ledger, out of the oldest as many as most, and
-- returns how many. waiting are the batches that Valkey holds. What stays: their rows; the
-- last row and the last drained one of a shard, by which a Valkey that has lost writes is found
-- out; what recoveries have entered, which are incidents.
-- +migrate StatementBegin
CREATE FUNCTION forget_flushes(before timestamptz, waiting uuid[], most int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    gone int;
BEGIN
    IF before > now() - interval '40 days' OR before IS NULL OR waiting IS NULL THEN
        RAISE EXCEPTION 'the last 40 days of the ledger stay' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM flushes WHERE n IN (
        SELECT n FROM (SELECT * FROM flushes WHERE kind <> 'rewind' ORDER BY n LIMIT most) f
        WHERE committed_at < before AND id <> ALL (waiting)
            AND EXISTS (SELECT FROM flushes later WHERE later.shard = f.shard AND later.seq > f.seq)
            AND (NOT drained OR EXISTS (SELECT FROM flushes later WHERE later.shard = f.shard AND later.seq > f.seq AND later.drained)));
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END $$;
-- +migrate StatementEnd

-- They work as their owner, who alone may make and drop tables, and find no table but those of
-- the schema: temporary ones, which anybody may make, come last.
-- +migrate StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['partitions_of(text)', 'create_partitions(text, timestamptz, timestamptz)', 'drop_old_partition(text, timestamptz)',
        'partition_state(text, timestamptz)', 'forget_flushes(timestamptz, uuid[], int)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp SET timezone = ''UTC''', name, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', name);
    END LOOP;
END $$;
-- +migrate StatementEnd
ALTER FUNCTION create_partitions(text, timestamptz, timestamptz) SET lock_timeout = '3s';
-- Behind this lock flushers queue up: better to try again.
ALTER FUNCTION drop_old_partition(text, timestamptz) SET lock_timeout = '250ms';
