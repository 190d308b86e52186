#!lua flags=allow-oom
-- Tells whose usage has grown since the caller's last look, and begins the next look.
-- Nothing is taken away: any number of readers each find all that is new to them.
-- Uses position.lua, which Go puts before it.
--
-- KEYS[1] changed  KEYS[2] look
-- ARGV[1] number that the caller's last look has returned, 0 if there was none
-- and to list the sum batches in the same moment:
-- KEYS[3] sealed:sum  KEYS[4] settled  KEYS[5] seq  KEYS[6] rewound
-- ARGV[2] prefix of sum:<id>  ARGV[3] seq up to which the caller knows Postgres
--
-- Returns {number, {tenant, ...}, {id, order of sealing, minute, ...}}. What changes from now
--   on is found by whoever passes the number. A number smaller than ARGV[1]: Valkey has
--   lost looks, so the tenants are not all of them. Batches are in no order, and the minute
--   is '' if one is of late events;
--   or, if batches are asked for, the error REWOUND, see usage.lua.
-- Cost: O(log n), and O(1) a tenant and batch returned. Writes only if something has changed
--   since the last look of anybody, so an idle Valkey stays idle.

local changed, look, since = KEYS[1], KEYS[2], tonumber(ARGV[1])
local batches, n = {}, 0

if #KEYS > 2 then
  local sum_prefix, lost = ARGV[2], misfit(KEYS[5], KEYS[6], tonumber(ARGV[3]))
  if lost then return lost end
  for _, zset in ipairs({KEYS[3], KEYS[4]}) do
    local ids = redis.call('ZRANGE', zset, 0, -1, 'WITHSCORES')
    for i = 1, #ids, 2 do
      batches[n + 1], batches[n + 2] = ids[i], ids[i + 1]
      batches[n + 3] = redis.call('HGET', sum_prefix .. ids[i], 'm') or ''
      n = n + 3
    end
  end
end

local number = tonumber(redis.call('GET', look) or 0)
local tenants = redis.call('ZRANGEBYSCORE', changed, since, '+inf')
-- Groups applied before this call carry a number up to the present one, groups after it
-- the next one. If none carries the present one, it can serve on.
if redis.call('ZCOUNT', changed, number, '+inf') > 0 then number = redis.call('INCR', look) end
return {number, tenants, batches}
