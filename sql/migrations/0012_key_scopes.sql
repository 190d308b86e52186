-- +migrate Up

SET LOCAL lock_timeout = '3s';

ALTER TABLE api_keys
    -- What the key may do beside scope. A version that does not know this column allows less.
    ADD COLUMN more_scopes text[] NOT NULL DEFAULT '{}' CHECK (more_scopes <@ ARRAY['ingest', 'read']),
    -- The key with which it was made through the API. NULL: by the command, or in open mode.
    ADD COLUMN created_by  uuid,
    -- Made through an API that asks nobody for a credential: worth nothing where one is asked for.
    ADD COLUMN open_mode   boolean NOT NULL DEFAULT false;

CREATE TRIGGER api_keys_scopes_changed AFTER UPDATE OF more_scopes, open_mode ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION bump_api_keys_version();

-- Lists are paged in order of creation; how many keys there are, and how many were made within the
-- hour, is counted with each new one.
CREATE INDEX api_keys_created ON api_keys (created_at, id); -- safe: 30,000 keys take 60 ms
CREATE INDEX api_keys_tenant_created ON api_keys (tenant, created_at, id); -- safe: as above
CREATE INDEX api_keys_live ON api_keys (tenant) WHERE revoked_at IS NULL; -- safe: as above
