-- +migrate Up

-- A tenant's minutes over all its features: series of usage, and the last hour of every
-- tenant. The primary key has the feature before the minute.
CREATE INDEX rollups_tenant_minute ON rollups (tenant, minute);

-- The unix minutes of the rollups that a sum batch changed lie between these two; NULL means
-- any. A reader that follows the ledger reads only those again.
ALTER TABLE flushes ADD COLUMN first_minute bigint, ADD COLUMN last_minute bigint;
