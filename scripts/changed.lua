#!lua flags=allow-oom
-- Tells whose usage has grown since the caller's last look, and begins the next look.
-- Nothing is taken away: any number of readers each find all that is new to them.
--
-- KEYS[1] changed  KEYS[2] look
-- ARGV[1] number that the caller's last look has returned, 0 if there was none
--
-- Returns {number, {tenant, ...}}. What changes from now on is found by whoever passes the
--   number. A number smaller than ARGV[1]: Valkey has lost looks, so the tenants
--   are not all of them.
-- Cost: O(log n) and O(1) a tenant returned. Writes only if something has changed since
--   the last look of anybody, so an idle Valkey stays idle.

local changed, look, since = KEYS[1], KEYS[2], tonumber(ARGV[1])

local number = tonumber(redis.call('GET', look) or 0)
local tenants = redis.call('ZRANGEBYSCORE', changed, since, '+inf')
-- Groups applied before this call carry a number up to the present one, groups after it
-- the next one. If none carries the present one, it can serve on.
if redis.call('ZCOUNT', changed, number, '+inf') > 0 then number = redis.call('INCR', look) end
return {number, tenants}
