#!lua flags=allow-oom
-- Lists the tenants whose usage has grown since the caller's last read, and starts the next read.
-- Nothing is removed: any number of readers each find everything that is new to them. Uses
-- position.lua, which Go puts before it.
--
-- KEYS[1] changed  KEYS[2] look
-- ARGV[1] number that the caller's last read returned, 0 if there was none
-- and, to list the sum batches of the same moment:
-- KEYS[3] sealed:sum  KEYS[4] settled  KEYS[5] seq  KEYS[6] rewound
-- ARGV[2] prefix of sum:<id>  ARGV[3] seq up to which the caller knows Postgres
--
-- Returns {number, {tenant, ...}, {id, order of sealing, minute, ...}}. A reader that passes the
-- number next time finds what changes from now on. If the number is smaller than ARGV[1], Valkey
-- has lost reads, so the list of tenants is incomplete. Batches are in no order; the minute of a
-- batch of late events is ''. If batches are asked for, it may return the error REWOUND instead,
-- see usage.lua.
-- Cost: O(log n), and O(1) a tenant and batch returned. It writes only if something has changed
-- since the last read of any reader, so an idle Valkey stays idle.

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
-- Groups applied before this call carry a number up to the present one, groups applied after it the
-- next one. If none carries the present number, it can still be used.
if redis.call('ZCOUNT', changed, number, '+inf') > 0 then number = redis.call('INCR', look) end
return {number, tenants, batches}
