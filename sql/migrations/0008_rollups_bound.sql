-- +migrate Up

-- rollups become partitions by month in three steps, so that nobody waits for the table to be
-- read or written: this bound, its proof (0009), and the change of names (0010).
--
-- All that the table has, or gets until 0010, lies before the bound. It is the month after the
-- next: the steps may lie a month apart, and ingest takes no event from further ahead.
SET LOCAL lock_timeout = '3s';
-- +migrate StatementBegin
DO $$
DECLARE
    bound timestamptz;
BEGIN
    SET LOCAL timezone = 'UTC';
    SELECT date_trunc('month', greatest(now(), max(minute))) + interval '2 months' INTO bound FROM rollups;
    EXECUTE format('ALTER TABLE rollups ADD CONSTRAINT rollups_before_bound CHECK (minute < %L) NOT VALID', bound);
END $$;
-- +migrate StatementEnd
