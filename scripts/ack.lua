#!lua flags=allow-oom
-- Records that batches are in Postgres. Harmless when repeated.
--
-- KEYS[1] sealed:raw  KEYS[2] sealed:sum  KEYS[3] settled
-- ARGV[1] prefix of raw:<id>
-- ARGV[2] number R of raw batches
-- ARGV[3 .. 2+R] their ids; the rest are ids of sum batches
--
-- Raw batches are deleted. Sum batches stay as settled for readers whose view of
-- Postgres is older than the commit, until they are dropped.
-- Returns the number of batches that were still waiting.
-- Cost: O(log n) a batch; UNLINK frees memory in the background.

local sealed_raw, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3]
local raw_prefix, raws = ARGV[1], tonumber(ARGV[2])

local waiting = 0
for i = 3, 2 + raws do
  waiting = waiting + redis.call('ZREM', sealed_raw, ARGV[i])
  redis.call('UNLINK', raw_prefix .. ARGV[i])
end
for i = 3 + raws, #ARGV do
  local seq = redis.call('ZSCORE', sealed_sum, ARGV[i])
  if seq then
    redis.call('ZREM', sealed_sum, ARGV[i])
    redis.call('ZADD', settled, seq, ARGV[i])
    waiting = waiting + 1
  end
end
return waiting
