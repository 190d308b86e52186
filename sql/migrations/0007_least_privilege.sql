-- +migrate Up

-- A partition can only be made by the owner of events. The roles that run FlagMeter are not
-- (roles.sql), so this function works as its own owner does, and finds nothing but the tables
-- of the schema it is in: temporary ones, which anybody may make, come last.
-- +migrate StatementBegin
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION create_event_partitions(date, date) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END $$;
-- +migrate StatementEnd
