#!lua flags=allow-oom
-- Seals everything in a Valkey that has lost writes: raw events, late events, and all minutes,
-- including open ones. Nothing is accepted meanwhile, so it may be repeated until nothing is left.
--
-- KEYS[1] raw  KEYS[2] rawbytes  KEYS[3] minutes  KEYS[4] late
-- KEYS[5] sealed:raw  KEYS[6] sealed:sum  KEYS[7] seq  KEYS[8] order  KEYS[9] rewound
--
-- ARGV[1] prefix of raw:<id>  ARGV[2] prefix of sum:<id>  ARGV[3] prefix of minute:<m>
-- ARGV[4..] new ids, at least 3
--
-- Returns {} unless KEYS[9] exists, else {marker, seq, left, raws, sums}: the value of
--   KEYS[9]; the number of minutes left for the next call; all batches that wait, as
--   id, order, id, order, ...
-- Cost: O(batches); RENAME does not touch their contents.

local raw, rawbytes, minutes, late = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sealed_raw, sealed_sum, seq, order, rewound = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local raw_prefix, sum_prefix, minute_prefix = ARGV[1], ARGV[2], ARGV[3]

local marker = redis.call('GET', rewound)
if not marker then return {} end

local next_id = 4
local function seal(key, prefix, sealed)
  local id = ARGV[next_id]
  next_id = next_id + 1
  redis.call('RENAME', key, prefix .. id)
  redis.call('ZADD', sealed, redis.call('INCR', order), id)
  return prefix .. id
end

if redis.call('EXISTS', raw) == 1 then
  seal(raw, raw_prefix, sealed_raw)
  redis.call('DEL', rawbytes)
end
if redis.call('EXISTS', late) == 1 then seal(late, sum_prefix, sealed_sum) end
local open = redis.call('ZRANGE', minutes, 0, #ARGV - next_id)
for _, minute in ipairs(open) do
  local sum = seal(minute_prefix .. minute, sum_prefix, sealed_sum)
  redis.call('HSET', sum, 'm', minute)
  redis.call('ZREM', minutes, minute)
end
-- It always writes, so that the WAITAOF after this call covers earlier calls.
redis.call('SET', rewound, marker)

return {marker, tonumber(redis.call('GET', seq) or 0), redis.call('ZCARD', minutes),
  redis.call('ZRANGE', sealed_raw, 0, -1, 'WITHSCORES'),
  redis.call('ZRANGE', sealed_sum, 0, -1, 'WITHSCORES')}
