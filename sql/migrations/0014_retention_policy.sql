-- +migrate Up

-- Reads tenants and api_keys, once, while they are read and written. Constraints of
-- slack_webhooks stay NOT VALID: a URL that leads nowhere cannot be mended here, and doctor
-- names its row.
SET LOCAL lock_timeout = '3s';
ALTER TABLE tenants VALIDATE CONSTRAINT tenants_thresholds_one_dimension;
ALTER TABLE tenants VALIDATE CONSTRAINT tenants_thresholds_no_null;
ALTER TABLE tenants VALIDATE CONSTRAINT tenants_thresholds_differ;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_created_at_readable;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_expires_at_readable;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_revoked_at_readable;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_last_used_at_readable;

-- retention_policy: for how long rows must be kept, whatever a flusher asks for. Only the owner of
-- the schema writes it: `flagmeter migrate` enters its settings EVENTS_RETENTION and
-- ROLLUPS_RETENTION. Without a row the least of 40 days holds, as for the version before.
CREATE TABLE retention_policy (
    name   text        PRIMARY KEY CHECK (name IN ('events', 'rollups')),
    keep   interval    CHECK (keep >= interval '40 days'),   -- NULL: for ever
    set_at timestamptz NOT NULL DEFAULT now()
);

-- drop_old_partition is that of migration 0010, and drops nothing that the policy keeps: whoever
-- asks for more gets what may go. The version before, whose settings may differ, works on with it.
-- +migrate StatementBegin
CREATE OR REPLACE FUNCTION drop_old_partition(parent text, before timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    old    record;
    name   text;
    policy record;
BEGIN
    IF parent NOT IN ('events', 'rollups') OR parent IS NULL THEN
        RAISE EXCEPTION 'no partition of % may be dropped', parent USING ERRCODE = 'invalid_parameter_value';
    ELSIF before > now() - interval '40 days' OR before IS NULL THEN
        RAISE EXCEPTION 'the last 40 days of % stay', parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT p.keep INTO policy FROM retention_policy p WHERE p.name = parent;
    IF FOUND THEN
        IF policy.keep IS NULL THEN
            RETURN NULL;
        END IF;
        before := least(before, now() - policy.keep);
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
-- +migrate StatementBegin
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION drop_old_partition(text, timestamptz) SECURITY DEFINER SET search_path = %I, pg_temp SET timezone = ''UTC''', current_schema());
END $$;
-- +migrate StatementEnd
ALTER FUNCTION drop_old_partition(text, timestamptz) SET lock_timeout = '250ms';

-- last_backup: the newest backup that has succeeded, for whoever watches: a backup that a timer
-- starts is gone before anybody could ask it.
CREATE TABLE last_backup (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    name     text        NOT NULL,
    taken_at timestamptz NOT NULL,
    bytes    bigint      NOT NULL
);
