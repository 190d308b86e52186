-- +migrate Up

SET LOCAL lock_timeout = '3s';

-- The Idempotency-Key of the request that an event came with, if it was one for several events, the
-- event's place in it (1..), and whose key it is: t the event's tenant's, d the deployment's, s
-- the deployment's for a request about tenants of several shards. In idempotency_key the events of
-- a request would be repeats of its first.
ALTER TABLE events ADD COLUMN request_key text, ADD COLUMN request_place int, ADD COLUMN request_scope text;

-- keep_longer_lines refuses to put an event that has those columns among the dead if the flusher is
-- of a version before this: to that, its line is too long. Such a flusher fails and says why; the
-- event waits in Valkey for one that reads it. flagmeter.line_fields is how many fields of a line a
-- flusher reads. The error is not of the classes (22, 23) that flushers take for bad data.
-- +migrate StatementBegin
CREATE FUNCTION keep_longer_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(string_to_array(encode(NEW.content, 'escape'), E'\t')) = 9
        AND coalesce(nullif(current_setting('flagmeter.line_fields', true), ''), '6')::int < 9 THEN
        RAISE EXCEPTION 'an event came in a request with an Idempotency-Key, which this flusher is too old to read: start a flusher of the present version'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    RETURN NEW;
END $$;
-- +migrate StatementEnd
CREATE TRIGGER keep_longer_lines BEFORE INSERT ON dead_events FOR EACH ROW WHEN (NEW.kind = 'raw') EXECUTE FUNCTION keep_longer_lines();
