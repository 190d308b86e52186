#!lua flags=no-writes
-- Lists the sum batches that are held, waiting or settled.
--
-- KEYS[1] sealed:sum  KEYS[2] settled  KEYS[3] seq  KEYS[4] rewound
-- ARGV[1] prefix of sum:<id>
-- ARGV[2] seq up to which the caller knows Postgres
--
-- Returns id, order of sealing, minute, ... in no order; the minute is '' if a batch is of late
--   events; or the error REWOUND, see usage.lua.
-- Cost: O(1) a batch.

local sum_prefix, witness = ARGV[1], tonumber(ARGV[2])

-- A recovery moves seq by 2^32.
local at = tonumber(redis.call('GET', KEYS[3]) or 0)
if at < witness or at >= witness + 4294967296 or redis.call('EXISTS', KEYS[4]) == 1 then
  return redis.error_reply('REWOUND valkey has lost writes')
end

local answer, n = {}, 0
for _, zset in ipairs({KEYS[1], KEYS[2]}) do
  local ids = redis.call('ZRANGE', zset, 0, -1, 'WITHSCORES')
  for i = 1, #ids, 2 do
    answer[n + 1], answer[n + 2] = ids[i], ids[i + 1]
    answer[n + 3] = redis.call('HGET', sum_prefix .. ids[i], 'm') or ''
    n = n + 3
  end
end
return answer
