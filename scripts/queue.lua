#!lua flags=no-writes
-- Tells what waits for Postgres, without walking over it.
--
-- KEYS[1] raw  KEYS[2] minutes  KEYS[3] sealed:raw  KEYS[4] sealed:sum
-- KEYS[5] accepted  KEYS[6] flushed
-- ARGV[1] prefix of raw:<id>
-- ARGV[2] id of the batch whose oldest event the caller knows, or ''
-- ARGV[3] length of an event's id, with which its line begins
--
-- Returns {events, minutes, raws, sums, batch, oldest}: raw events, open minutes, sealed batches
--   of each kind, the id of the oldest raw batch, '' if none is sealed, and that of the oldest
--   raw event, '' if none waits or it is in the batch of ARGV[2].
-- Cost: O(1), but for the oldest group, which is copied unless it is in that batch. Measured
--   inside Valkey 8: 7 us, and 1 ms for each MiB of that group.

local raw, minutes, sealed_raw, sealed_sum, accepted, flushed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

-- Groups are in the order of their acknowledgement, in the batches as in the open list,
-- which is younger than all of them.
local batch = redis.call('ZRANGE', sealed_raw, 0, 0)[1]
local group
if not batch then
  group = redis.call('LINDEX', raw, 0)
elseif batch ~= ARGV[2] then
  group = redis.call('LINDEX', ARGV[1] .. batch, 0)
end

local events = tonumber(redis.call('GET', accepted) or 0) - tonumber(redis.call('GET', flushed) or 0)
return {math.max(events, 0), redis.call('ZCARD', minutes), redis.call('ZCARD', sealed_raw), redis.call('ZCARD', sealed_sum),
  batch or '', group and string.sub(group, 1, ARGV[3]) or ''}
