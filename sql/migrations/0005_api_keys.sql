-- +migrate Up

-- api_keys: who may use the API. The key itself is shown once and stored nowhere.
CREATE TABLE api_keys (
    id           uuid        PRIMARY KEY,
    hash         bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),   -- SHA-256 of the whole key
    session_key  bytea       NOT NULL CHECK (octet_length(session_key) = 32),   -- Ed25519, public half: checks browser sessions
    name         text        NOT NULL DEFAULT '' CHECK (char_length(name) <= 128),
    scope        text        NOT NULL CHECK (scope IN ('ingest', 'read', 'admin')),
    tenant       text        REFERENCES tenants (name) ON UPDATE CASCADE,       -- NULL: all
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,                                                   -- NULL: never
    revoked_at   timestamptz,
    last_used_at timestamptz                                                    -- written once a minute at most
);

-- api_keys_version: one row that every change of what a key may do increments, as
-- tenants_version does for tenants. That a key was used is no such change.
CREATE TABLE api_keys_version (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL DEFAULT 0
);
INSERT INTO api_keys_version DEFAULT VALUES;

-- +migrate StatementBegin
CREATE FUNCTION bump_api_keys_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE api_keys_version SET version = version + 1;
    RETURN NULL;
END $$;
-- +migrate StatementEnd
CREATE TRIGGER api_keys_changed AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF id, hash, session_key, name, scope, tenant, expires_at, revoked_at ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION bump_api_keys_version();
