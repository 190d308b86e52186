-- +migrate Up

-- What a tenant may not exceed. All of it is off by default.
ALTER TABLE tenants
    ADD COLUMN rate_limit int CHECK (rate_limit BETWEEN 0 AND 1000000),    -- events a second; 0: no limit; NULL: the setting RATE_LIMIT
    ADD COLUMN rate_burst int CHECK (rate_burst BETWEEN 1 AND 1000000000), -- events at once; NULL: as many as rate_limit
    -- Once the period's quota is used up: off accepts events, soft refuses them (the one that
    -- crosses the quota is the last), strict refuses also the one that would cross it.
    ADD COLUMN enforce text NOT NULL DEFAULT 'off' CHECK (enforce IN ('off', 'soft', 'strict')),
    ADD CONSTRAINT tenants_burst_needs_rate CHECK (rate_burst IS NULL OR coalesce(rate_limit, 0) > 0);

-- +migrate Down
ALTER TABLE tenants DROP COLUMN rate_limit, DROP COLUMN rate_burst, DROP COLUMN enforce;
