#!lua flags=allow-oom
-- Deletes settled sum batches. Counts in seq: if Valkey comes back with such a batch, a reader
-- whose view no longer names it must notice. Remembers the largest order of a dropped batch: a
-- reader whose view lacks a batch up to that order can no longer compute the usage.
--
-- KEYS[1] settled  KEYS[2] seq  KEYS[3] dropped  KEYS[4] reads
-- ARGV[1] prefix of sum:<id>  ARGV[2..] ids
--
-- Returns seq. Cost: O(log n) a batch; UNLINK frees memory in the background.

local dropped = tonumber(redis.call('GET', KEYS[3]) or 0)
for i = 2, #ARGV do
  dropped = math.max(dropped, tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or 0))
  redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('UNLINK', ARGV[1] .. ARGV[i])
end
if dropped > 0 then redis.call('SET', KEYS[3], dropped) end
local before = redis.call('GET', KEYS[2]) or '0'
local at = redis.call('INCR', KEYS[2])
-- seal.lua's note of the previous position also holds for this one: the same flusher has moved it.
local noted, form = string.match(redis.call('GET', KEYS[4]) or '', '^(%d+) (%d+)$')
if noted == before then redis.call('SET', KEYS[4], string.format('%.0f %s', at, form)) end
return at
