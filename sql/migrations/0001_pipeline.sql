-- +migrate Up

-- tenants: the customers whose usage is metered. Operators may edit this table
-- with plain SQL; every column but the name has a default.
CREATE TABLE tenants (
    id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name          text        NOT NULL UNIQUE
                  CHECK (char_length(name) BETWEEN 1 AND 128 AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    monthly_quota bigint      CHECK (monthly_quota > 0),             -- tokens in a billing period; NULL: no quota
    billing_day   int         NOT NULL DEFAULT 1 CHECK (billing_day BETWEEN 1 AND 31),
    timezone      text        NOT NULL DEFAULT 'UTC'                 -- IANA name; an unknown one is refused here
                  CHECK ((timestamptz '2000-01-01 00:00:00+00' AT TIME ZONE timezone) IS NOT NULL),
    thresholds    int[]       NOT NULL DEFAULT '{80}'                -- percent of the quota
                  CHECK (1 <= ALL (thresholds) AND 1000 >= ALL (thresholds)),
    created_at    timestamptz NOT NULL DEFAULT now(),
    archived_at   timestamptz                                        -- tenants are archived, never deleted
);

-- tenants_version: one row that every change of tenants increments, so that a
-- process learns with one tiny read a second whether to load the tenants again.
-- A row, not a sequence: a sequence shows its new value before the change commits.
CREATE TABLE tenants_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL DEFAULT 0
);
INSERT INTO tenants_version DEFAULT VALUES;

-- +migrate StatementBegin
CREATE FUNCTION bump_tenants_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tenants_version SET version = version + 1;
    RETURN NULL;
END $$;
-- +migrate StatementEnd
CREATE TRIGGER tenants_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenants
    FOR EACH STATEMENT EXECUTE FUNCTION bump_tenants_version();

-- events: every acknowledged event, as it was sent, one partition a (UTC) day.
-- No foreign key: it makes COPY 2.5 times slower, and ingest has checked the tenant.
CREATE TABLE events (
    id              uuid        NOT NULL,   -- version 7, made on arrival
    tenant          text        NOT NULL,
    feature         text        NOT NULL,
    tokens          bigint      NOT NULL,
    created_at      timestamptz NOT NULL,   -- the event's own time
    idempotency_key text,                   -- the id the client sent, if any
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);
CREATE TABLE events_default PARTITION OF events DEFAULT;
-- Events arrive nearly in order of created_at: a few pages of index find those of a minute.
CREATE INDEX events_created_at ON events USING brin (created_at) WITH (autosummarize = on);

-- create_event_partitions makes the partitions of the days first..last that are
-- missing. A day that has rows in events_default already stays there.
-- +migrate StatementBegin
CREATE FUNCTION create_event_partitions(first date, last date) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    made int := 0;
    day  date;
    part text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('flagmeter.event_partitions'));
    FOR day IN SELECT generate_series(first, last, interval '1 day')::date LOOP
        part := 'events_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                part, day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00');
            made := made + 1;
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'events of % are in events_default', day;
        END;
    END LOOP;
    RETURN made;
END $$;
-- +migrate StatementEnd

-- rollups: tokens and events per tenant, feature and minute.
CREATE TABLE rollups (
    tenant       text        NOT NULL REFERENCES tenants (name) ON UPDATE CASCADE,
    feature      text        NOT NULL,
    minute       timestamptz NOT NULL,
    total_tokens bigint      NOT NULL,
    events       bigint      NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, feature, minute)
);

-- usage_daily: the same per day of the tenant's own calendar, so that a billing
-- period is the sum of at most 31 rows a feature.
CREATE TABLE usage_daily (
    tenant       text        NOT NULL REFERENCES tenants (name) ON UPDATE CASCADE,
    day          date        NOT NULL,
    feature      text        NOT NULL,
    total_tokens bigint      NOT NULL,
    events       bigint      NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, day, feature)
);

-- flushes: the ledger. A batch from Valkey is in Postgres exactly if its id is here.
CREATE TABLE flushes (
    id           uuid        PRIMARY KEY,
    n            bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,   -- order of entry: what is new since a reader looked
    shard        int         NOT NULL,
    kind         text        NOT NULL CHECK (kind IN ('raw', 'sum', 'rewind')),
    seq          bigint      NOT NULL,   -- the hand-out's number in Valkey; of a rewind: what it goes on from
    rows         bigint      NOT NULL,   -- events, or rollup rows
    tokens       bigint      NOT NULL,
    tenants      text[],                 -- whose usage a sum batch changed
    drained      boolean     NOT NULL DEFAULT false, -- with it, all that was over when it was handed out is in
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX flushes_shard_seq ON flushes (shard, seq);

-- dead_events: what Postgres refused, with its reason. Nothing is dropped unseen.
CREATE TABLE dead_events (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    batch      uuid        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('raw', 'sum')),
    content    bytea       NOT NULL,     -- the COPY line, or the rollup row as JSON
    reason     text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
