-- +migrate Up
SET LOCAL lock_timeout = '3s';

-- refuse_reserved_name keeps * free: it stands for the defaults of all tenants. It is
-- meter.CheckReserved of the program.
-- +migrate StatementBegin
CREATE FUNCTION refuse_reserved_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the name % must not be *, which stands for the defaults of all tenants', quote_literal(NEW.name)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'tenant_names_reserved';
END $$;
-- +migrate StatementEnd

-- Every new name of a tenant becomes a row here. A tenant that is called * already has its row, and
-- one that is brought back from Valkey after a restore has counted usage: both go on. A CHECK
-- would refuse the second.
CREATE TRIGGER tenant_names_reserved BEFORE INSERT ON tenant_names FOR EACH ROW
    WHEN (NEW.name = '*' AND current_setting('flagmeter.keep_names', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION refuse_reserved_name();
