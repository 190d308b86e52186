-- +migrate Up

-- Reads tenants and api_keys, once, while they are read and written. Constraints of
-- slack_webhooks stay NOT VALID: a URL that leads nowhere cannot be mended here, and doctor
-- names its row.
SET LOCAL lock_timeout = '3s';
ALTER TABLE tenants VALIDATE CONSTRAINT tenants_thresholds_one_dimension;
ALTER TABLE tenants VALIDATE CONSTRAINT tenants_thresholds_no_null;
ALTER TABLE tenants VALIDATE CONSTRAINT tenants_thresholds_differ;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_created_at_readable;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_expires_at_readable;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_revoked_at_readable;
ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_last_used_at_readable;
