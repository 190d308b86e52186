#!lua flags=allow-oom
-- During the recovery from a restored Postgres, forgets what this shard knows of events that
-- Postgres may have lost: the sums of settled batches, and all event ids. Harmless when repeated.
--
-- KEYS[1] rewound  KEYS[2] slices  KEYS[3] settled  KEYS[4] dropped
-- ARGV[1] id of the marker in KEYS[1]: nothing happens if it is gone or another one
-- ARGV[2] prefix of sum:<id>
--
-- The settled batches are dropped as in drop.lua: no reader has a view to which they belong,
-- because the recovery moves seq. Slices of ids stay in the list, so that no number is used twice,
-- but now start in 1970: none is read again (seen.lua), and their buckets expire as before. Returns
-- the number of settled batches. Cost: O(slices + batches).

local rewound, slices, settled, dropped = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local marker, sum_prefix = ARGV[1], ARGV[2]
local noticed = redis.call('GET', rewound)
if not noticed or string.sub(noticed, 1, #marker + 1) ~= marker .. ' ' then return 0 end

for i, record in ipairs(redis.call('LRANGE', slices, 0, -1)) do
  local number, sizes = string.match(record, '^(%d+) %d+ (%d+ %d+)$')
  redis.call('LSET', slices, i - 1, number .. ' 0 ' .. sizes)
end

local last = tonumber(redis.call('GET', dropped) or 0)
local batches = redis.call('ZRANGE', settled, 0, -1, 'WITHSCORES')
for i = 1, #batches, 2 do
  last = math.max(last, tonumber(batches[i + 1]))
  redis.call('ZREM', settled, batches[i])
  redis.call('UNLINK', sum_prefix .. batches[i])
end
if #batches > 0 then redis.call('SET', dropped, string.format('%.0f', last)) end
return #batches / 2
