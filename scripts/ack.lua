#!lua flags=allow-oom
-- Records that batches are in Postgres. Harmless when repeated.
--
-- KEYS[1] sealed:raw  KEYS[2] sealed:sum  KEYS[3] settled
-- KEYS[4] raw  KEYS[5] accepted  KEYS[6] flushed
-- ARGV[1] prefix of raw:<id>
-- ARGV[2] number R of raw batches
-- ARGV[3 .. 2+2R] for each its id and its number of events; the rest are ids of sum batches
--
-- Raw batches are deleted. Sum batches stay as settled until they are dropped, for readers whose
-- view of Postgres is older than the commit. Returns the number of batches that still waited. Cost:
-- O(log n) a batch; UNLINK frees memory in the background.

local sealed_raw, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3]
local raw, accepted, flushed = KEYS[4], KEYS[5], KEYS[6]
local raw_prefix, raws = ARGV[1], tonumber(ARGV[2])

local waiting, events = 0, 0
for i = 3, 2 + 2 * raws, 2 do
  if redis.call('ZREM', sealed_raw, ARGV[i]) == 1 then
    waiting, events = waiting + 1, events + tonumber(ARGV[i + 1])
  end
  redis.call('UNLINK', raw_prefix .. ARGV[i])
end
-- The number of waiting events cannot be negative, and is 0 if none exist.
if raws > 0 then
  local all = tonumber(redis.call('GET', accepted) or 0)
  local gone = tonumber(redis.call('GET', flushed) or 0) + events
  local empty = redis.call('ZCARD', sealed_raw) == 0 and redis.call('EXISTS', raw) == 0
  if gone > all or empty then gone = all end
  redis.call('SET', flushed, string.format('%d', gone))
end
for i = 3 + 2 * raws, #ARGV do
  local seq = redis.call('ZSCORE', sealed_sum, ARGV[i])
  if seq then
    redis.call('ZREM', sealed_sum, ARGV[i])
    redis.call('ZADD', settled, seq, ARGV[i])
    waiting = waiting + 1
  end
end
return waiting
