-- +migrate Up
SET LOCAL lock_timeout = '3s';

-- name_fault says why people would take a name for another one, NULL if they would not. It is
-- meter.CheckLook of the program, and that the name is in normalisation form C; a test compares
-- the two for every character.
-- +migrate StatementBegin
CREATE FUNCTION name_fault(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN name COLLATE "C" ~ '^[!-~]([ -~]*[!-~])?$' THEN NULL
        WHEN name ~ '^[ \u3000]|[ \u3000]$' THEN 'must not begin or end with a blank'
        WHEN name ~ '[\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
            THEN 'must not contain characters that cannot be seen or told from a space'
        WHEN name IS NOT NFC NORMALIZED THEN 'must be in Unicode normalisation form C'
    END
$$;
-- +migrate StatementEnd

-- tenant_names: every name that leads to a tenant. One of a tenant's names is its key, the one
-- in tenants.name that everything is counted under; the others are aliases, also those that
-- nobody is shown any more. The primary key keeps them all apart, whoever adds one when. To
-- free an alias for somebody else, the owner deletes its row; events that name it are
-- refused from then on.
CREATE TABLE tenant_names (
    name       text        PRIMARY KEY
               CHECK (char_length(name) BETWEEN 1 AND 128 AND name !~ '[\u0001-\u001f\u007f-\u009f]' AND name NOT IN ('.', '..')),
    tenant     text        NOT NULL REFERENCES tenants (name),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, name)
);
CREATE TRIGGER tenant_names_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON tenant_names -- safe: it is only noted
    FOR EACH STATEMENT EXECUTE FUNCTION bump_tenants_version();

-- display_name: the name that people see, one of the tenant's own; NULL: its key. To set it is
-- to rename the tenant, and the name becomes an alias. The constraint waits for the commit,
-- because the trigger below adds the name behind the row.
ALTER TABLE tenants ADD COLUMN display_name text;
ALTER TABLE tenants ADD CONSTRAINT tenants_display_name FOREIGN KEY (name, display_name)
    REFERENCES tenant_names (tenant, name) DEFERRABLE INITIALLY DEFERRED NOT VALID;

-- note_tenant_names keeps tenant_names complete, whoever writes to tenants. Names from before
-- are never looked at again: they keep working, however they look.
-- +migrate StatementBegin
CREATE FUNCTION note_tenant_names() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fresh text;
    fault text;
    taken text;
BEGIN
    FOREACH fresh IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.name, NEW.display_name] ELSE ARRAY[NEW.display_name] END LOOP
        CONTINUE WHEN fresh IS NULL OR EXISTS (SELECT FROM tenant_names n WHERE n.name = fresh AND n.tenant = NEW.name);
        fault := name_fault(fresh);
        -- What is brought back from Valkey after a restore has counted usage already.
        IF fault IS NOT NULL AND current_setting('flagmeter.keep_names', true) IS DISTINCT FROM 'on' THEN
            RAISE EXCEPTION 'the name % %', quote_literal(fresh), fault USING ERRCODE = 'check_violation', CONSTRAINT = 'tenant_names_look';
        END IF;
        INSERT INTO tenant_names (name, tenant) VALUES (fresh, NEW.name) ON CONFLICT (name) DO NOTHING;
        CONTINUE WHEN FOUND;
        SELECT n.tenant INTO taken FROM tenant_names n WHERE n.name = fresh;
        IF taken IS DISTINCT FROM NEW.name THEN
            RAISE EXCEPTION 'the name % is one of tenant %', quote_literal(fresh), quote_literal(taken)
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'tenant_names_pkey';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
-- +migrate StatementEnd

-- keep_tenants refuses what would lose usage: what is counted and not yet in Postgres lies in
-- Valkey under the key, and would belong to nobody.
-- +migrate StatementBegin
CREATE FUNCTION keep_tenants() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'tenants.% is what usage is counted under, and never changes', CASE WHEN NEW.name <> OLD.name THEN 'name' ELSE 'id' END
            USING ERRCODE = 'restrict_violation', HINT = format('To give the tenant another name: flagmeter tenants rename %s %s', -- safe: this is what a hint says
                quote_literal(OLD.name), CASE WHEN NEW.name <> OLD.name THEN quote_literal(NEW.name) ELSE 'NAME' END);
    ELSIF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a tenant is archived, never deleted: usage that is not in Postgres yet would be lost'
            USING ERRCODE = 'restrict_violation', HINT = format('To refuse its events from now on: flagmeter tenants set %s --archive', quote_literal(OLD.name));
    END IF;
    RAISE EXCEPTION 'tenants are archived, never deleted: usage that is not in Postgres yet would be lost' USING ERRCODE = 'restrict_violation';
END $$;
-- +migrate StatementEnd

-- keep_tenant_names refuses to take a tenant's key from tenant_names, or to hand a name over.
-- +migrate StatementBegin
CREATE FUNCTION keep_tenant_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% is the key of a tenant, under which usage is counted', quote_literal(OLD.name) USING ERRCODE = 'restrict_violation';
    END IF;
    RAISE EXCEPTION 'names of tenants do not change hands: events that are sent again would count twice' USING ERRCODE = 'restrict_violation';
END $$;
-- +migrate StatementEnd

-- note_tenant_names works as the owner: nobody else writes to tenant_names.
-- +migrate StatementBegin
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION note_tenant_names() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END $$;
-- +migrate StatementEnd

-- From here on nobody writes to tenants until all of this is in force.
CREATE TRIGGER tenants_names AFTER INSERT OR UPDATE OF display_name ON tenants FOR EACH ROW EXECUTE FUNCTION note_tenant_names();
CREATE TRIGGER tenants_kept BEFORE UPDATE ON tenants FOR EACH ROW
    WHEN (NEW.name IS DISTINCT FROM OLD.name OR NEW.id IS DISTINCT FROM OLD.id) EXECUTE FUNCTION keep_tenants();
CREATE TRIGGER tenants_not_deleted BEFORE DELETE ON tenants FOR EACH ROW EXECUTE FUNCTION keep_tenants();
CREATE TRIGGER tenants_not_truncated BEFORE TRUNCATE ON tenants FOR EACH STATEMENT EXECUTE FUNCTION keep_tenants(); -- safe: it is refused
CREATE TRIGGER tenant_names_kept BEFORE UPDATE ON tenant_names FOR EACH ROW
    WHEN (NEW.name <> OLD.name OR NEW.tenant <> OLD.tenant) EXECUTE FUNCTION keep_tenant_names();
CREATE TRIGGER tenant_names_not_deleted BEFORE DELETE ON tenant_names FOR EACH ROW
    WHEN (OLD.name = OLD.tenant) EXECUTE FUNCTION keep_tenant_names();
CREATE TRIGGER tenant_names_not_truncated BEFORE TRUNCATE ON tenant_names FOR EACH STATEMENT EXECUTE FUNCTION keep_tenant_names(); -- safe: it is refused
INSERT INTO tenant_names (name, tenant) SELECT name, name FROM tenants;
