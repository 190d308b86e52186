-- +migrate Up

-- What a tenant may not exceed. All of it is off by default.
ALTER TABLE tenants
    ADD COLUMN rate_limit int CHECK (rate_limit BETWEEN 0 AND 1000000),    -- events a second; 0: no limit; NULL: the setting RATE_LIMIT
    ADD COLUMN rate_burst int CHECK (rate_burst BETWEEN 1 AND 1000000000), -- events at once; NULL: as many as rate_limit
    -- Once the period's quota is used up: off accepts events, soft refuses them (the one that
    -- crosses the quota is the last), strict refuses also the one that would cross it.
    ADD COLUMN enforce text NOT NULL DEFAULT 'off' CHECK (enforce IN ('off', 'soft', 'strict')),
    ADD CONSTRAINT tenants_burst_needs_rate CHECK (rate_burst IS NULL OR coalesce(rate_limit, 0) > 0);

-- Events a second, and at once, that come with an API key; NULL: no limit of its own.
ALTER TABLE api_keys
    ADD COLUMN rate_limit int CHECK (rate_limit BETWEEN 1 AND 1000000),
    ADD COLUMN rate_burst int CHECK (rate_burst BETWEEN 1 AND 1000000000), -- NULL: as many as rate_limit
    ADD CONSTRAINT api_keys_burst_needs_rate CHECK (rate_burst IS NULL OR rate_limit IS NOT NULL);
CREATE TRIGGER api_keys_rate_changed AFTER UPDATE OF rate_limit, rate_burst ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION bump_api_keys_version();
