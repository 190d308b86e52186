-- +migrate Up
SET LOCAL lock_timeout = '3s';

-- kept_features: the features whose names are refused since 0015 and that were in use before.
-- They keep working, each for the tenant that has it. No foreign key: to make it would keep
-- those waiting who write to tenants while usage_daily is read.
CREATE TABLE kept_features (
    tenant  text NOT NULL,
    feature text NOT NULL,
    PRIMARY KEY (tenant, feature)
);
INSERT INTO kept_features
    SELECT DISTINCT tenant, feature FROM usage_daily WHERE name_fault(feature) IS NOT NULL;
CREATE TRIGGER kept_features_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON kept_features -- safe: it is only noted
    FOR EACH STATEMENT EXECUTE FUNCTION bump_tenants_version();

ALTER TABLE tenants VALIDATE CONSTRAINT tenants_display_name;

-- The beginning of what a webhook answered to an attempt that failed, at most 200 characters and
-- without what is secret about it. Behind all that takes long, because of its lock.
ALTER TABLE delivery_attempts ADD COLUMN answer text;
