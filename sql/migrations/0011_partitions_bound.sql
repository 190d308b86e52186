-- +migrate Up

SET LOCAL lock_timeout = '3s';

-- The accounts of the roles may make partitions, but not as many as they like: each is a table,
-- and every query plans with all of them. Both functions refuse more than 400 days at a time, and
-- times before 2015 or more than 120 days ahead, which no event has that is accepted. Rows
-- of such times stay in the default partition, where flagmeter_partitions_default_rows tells of them.
-- +migrate StatementBegin
CREATE OR REPLACE FUNCTION create_partitions(parent text, first timestamptz, last timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    earliest CONSTANT timestamptz := '2015-01-01Z';
    latest   CONSTANT timestamptz := now() + interval '120 days';
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
    IF first IS NULL OR last IS NULL OR first < earliest OR last > latest THEN
        RAISE EXCEPTION 'partitions of % are made for times from 2015 until 120 days from now', parent USING ERRCODE = 'invalid_parameter_value';
    ELSIF last - first > interval '400 days' THEN
        RAISE EXCEPTION 'partitions of % are made for at most 400 days at a time', parent USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('flagmeter.event_partitions'));
    FOR start IN EXECUTE format('SELECT generate_series(date_trunc(%1$L, $1), $2, %2$L::interval)
        UNION (SELECT DISTINCT date_trunc(%1$L, %3$I) FROM %4$I WHERE %3$I BETWEEN $3 AND $4 ORDER BY 1 LIMIT 400) ORDER BY 1',
        unit, '1 ' || unit, at, parent || '_default') USING first, last, earliest, latest
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

-- What made partitions of events before the one above did, within its bounds.
-- +migrate StatementBegin
CREATE OR REPLACE FUNCTION create_event_partitions(first date, last date) RETURNS int LANGUAGE sql AS $$
    SELECT create_partitions('events', first::timestamptz, last::timestamptz)
$$;
-- +migrate StatementEnd

-- A function that is replaced loses what it was given besides its body.
-- +migrate StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['create_partitions(text, timestamptz, timestamptz)', 'create_event_partitions(date, date)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp SET timezone = ''UTC'' SET lock_timeout = ''3s''', name, current_schema());
    END LOOP;
END $$;
-- +migrate StatementEnd
