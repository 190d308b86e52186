-- +migrate Up

-- Reads all of rollups, once, while they are read and written: the lock that this takes keeps
-- out changes of the table alone.
SET LOCAL lock_timeout = '3s';
ALTER TABLE rollups VALIDATE CONSTRAINT rollups_before_bound;
