#!lua
-- Stores a part of one large request in a raw batch and a sum batch that belong to it and that no
-- reader sees until ingest.lua seals them. A request of any size thus takes only short calls, and
-- is counted whole or not at all. Uses counters.lua, counting.lua and seen.lua, which Go puts
-- before it.
--
-- KEYS[1] staged     zset: pairs of staged batches, "<raw id> <sum id>", by their start
-- KEYS[2] raw:<id>   list: the staged events, an element a part
-- KEYS[3] sum:<id>   hash: the counters of all parts, as of late events
-- KEYS[4] request    string: 'open' until the request is counted
-- KEYS[5] slices     list: the slices of remembered ids; their buckets: see seen.lua
--
-- ARGV[1] the pair
-- ARGV[2] number of this part, 1..: a part may be sent again
-- ARGV[3] the lines
-- ARGV[4] ms after which a pair that was not sealed is given up
-- ARGV[5] prefix of raw:<id>  ARGV[6] prefix of sum:<id>
-- ARGV[7] ms to remember an event id
-- ARGV[8] prefix of the buckets of ids
-- ARGV[9] N ids of 20 bytes, see seen.lua; each at most once
-- ARGV[10] prefix of KEYS[4]  ARGV[11] the token behind it
-- then the names of the counters that this part adds to, each once, and as many amounts
--
-- Returns {'ok'} if the part is stored;
--         {'seen', i, same, ...} as ingest.lua; nothing of this part is stored;
--         {'unstaged'} the earlier parts are not there: start again with a new pair.
-- The ids count once the request does. If the caller crashes, it leaves an unfinished pair, which
-- a later call of any caller deletes.
-- Cost: linear in counters, ids and bytes; UNLINK frees memory in the background.

local staged, raw, sum, request, slices = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local pair, part, lines, patience = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local raw_prefix, sum_prefix = ARGV[5], ARGV[6]
local window, bucket_prefix, ids = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local request_prefix, token = ARGV[10], ARGV[11]
local first_counter = 12

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', staged, '-inf', now - patience, 'LIMIT', 0, 10)) do
  local raw_id, sum_id = string.match(old, '^(%S+) (%S+)$')
  redis.call('UNLINK', raw_prefix .. raw_id, sum_prefix .. sum_id)
  redis.call('ZREM', staged, old)
end

local stored = redis.call('LLEN', raw)
local begun = redis.call('GET', request) == 'open' and stored > 0
if begun and stored == part then return {'ok'} end
if part > 1 and not begun or stored ~= part - 1 then return {'unstaged'} end

local find, open, put, close = remembered({
  slices = slices, prefix = bucket_prefix, window = window, request = request_prefix})
local seen = seen_among(ids, find, {'seen'})
if #seen > 1 then return seen end

local fields = (#ARGV - first_counter + 1) / 2
local count, write = counting()
if count(sum, first_counter, fields) then
  return redis.error_reply('ERR a staged counter overflows')
end
write()
if part == 1 then
  -- Minute 0 has no events: a reader that follows open hashes into batches must not take this batch
  -- for one of them.
  redis.call('HSET', sum, 'm', 0)
  redis.call('ZADD', staged, string.format('%.0f', now), pair)
  redis.call('SET', request, 'open', 'PX', patience)
end
redis.call('RPUSH', raw, lines)
if #ids > 0 then remember(ids, open, put, close, token) end
return {'ok'}
