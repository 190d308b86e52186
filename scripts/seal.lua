#!lua flags=allow-oom
-- Closes what can be closed into immutable batches and hands out the batches that wait for
-- Postgres, oldest first. It may run on a full Valkey, because it leads to memory being freed. Uses
-- position.lua, which Go puts before it.
--
-- KEYS[1] raw  KEYS[2] rawbytes  KEYS[3] minutes  KEYS[4] late
-- KEYS[5] sealed:raw  KEYS[6] sealed:sum  KEYS[7] settled  KEYS[8] seq
-- KEYS[9] order  KEYS[10] rewound  KEYS[11] accepted  KEYS[12] flushed  KEYS[13] reads
--
-- ARGV[1] first unix minute that is still open: those before it are over
-- ARGV[2] prefix of raw:<id>  ARGV[3] prefix of sum:<id>  ARGV[4] prefix of minute:<m>
-- ARGV[5] most batches of each kind to hand out
-- ARGV[6] high water: the largest seq that the caller knows of
-- ARGV[7] form of lines that the caller reads
-- ARGV[8..] new ids, at least ARGV[5] + 1
--
-- Returns {raw, sums, settled, more, seq}: raw and sums are id, order, id, order, ...; settled are
-- the ids of batches that Postgres has and that wait to be dropped; more is 1 if there is more work
-- than was handed out; seq is the position after this hand-out;
--   or the error REWOUND: Valkey has lost writes that the caller knows of, or another caller has
--   noticed that before; nothing but KEYS[10] is written.
-- Cost: O(batches); RENAME does not touch their contents. One call of seal.lua and one of ack.lua
-- with a batch of each kind take about 0.1 ms together, whatever the batches hold.

local raw, rawbytes, minutes, late = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sealed_raw, sealed_sum, settled, seq = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local order, rewound, accepted, flushed, reads = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local open_from, raw_prefix, sum_prefix, minute_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local most, high_water, form = tonumber(ARGV[5]), ARGV[6], ARGV[7]

local next_id = 8
local at = redis.call('GET', seq) or '0'
local behind = tonumber(at) < tonumber(high_water)
  and 'seq is ' .. at .. ' and was ' .. high_water
local loss = noticed(rewound, ARGV[next_id], high_water, behind)
if loss then return loss end

local function seal(key, prefix, sealed)
  local id = ARGV[next_id]
  next_id = next_id + 1
  redis.call('RENAME', key, prefix .. id)
  redis.call('ZADD', sealed, redis.call('INCR', order), id)
  return prefix .. id
end

-- What waits goes first: no more is sealed than can be handed out.
if redis.call('ZCARD', sealed_raw) < most and redis.call('EXISTS', raw) == 1 then
  seal(raw, raw_prefix, sealed_raw)
  redis.call('DEL', rawbytes)
end
-- A sum must never reach Postgres before the events that it counts: it is sealed when all of them
-- are sealed, and handed out when all of them are handed out. Sums that are lost here can then be
-- recomputed from events. Nothing new is sealed while a sum waits, except the sums of large
-- requests, which ingest.lua has sealed after their events.
local room = most - redis.call('ZCARD', sealed_sum)
if room > 0 then
  for _, id in ipairs(redis.call('ZRANGE', sealed_sum, 0, -1)) do
    if redis.call('HGET', sum_prefix .. id, 'm') ~= '0' then room = 0 end
  end
end
if room > 0 and redis.call('EXISTS', raw) == 0 then
  if redis.call('EXISTS', late) == 1 then
    seal(late, sum_prefix, sealed_sum)
    room = room - 1
  end
  local over = redis.call('ZRANGEBYSCORE', minutes, '-inf', '(' .. open_from, 'LIMIT', 0, room)
  for _, minute in ipairs(over) do
    local sum = seal(minute_prefix .. minute, sum_prefix, sealed_sum)
    redis.call('HSET', sum, 'm', minute)
    redis.call('ZREM', minutes, minute)
  end
end

local raws = redis.call('ZRANGE', sealed_raw, 0, most - 1, 'WITHSCORES')
local sums = {}
if redis.call('ZCARD', sealed_raw) <= most then
  sums = redis.call('ZRANGE', sealed_sum, 0, most - 1, 'WITHSCORES')
end
-- A hand-out always writes. The WAITAOF after this call then covers batches that an earlier call on
-- another connection has sealed, and the number reveals a Valkey that forgets the hand-out.
if #raws + #sums > 0 then
  -- Events that were handed out before ack.lua began to count them have left, or nearly so.
  if redis.call('EXISTS', flushed) == 0 then
    redis.call('SET', flushed, at ~= '0' and redis.call('GET', accepted) or '0')
  end
  at = redis.call('INCR', seq)
end
-- Until another flusher hands out, ingest may store lines of this form.
local note = string.format('%.0f %s', at, form)
if redis.call('GET', reads) ~= note then redis.call('SET', reads, note) end

local more = redis.call('ZCARD', sealed_raw) > #raws / 2
  or redis.call('ZCARD', sealed_sum) > #sums / 2
  or redis.call('ZCOUNT', minutes, '-inf', '(' .. open_from) > 0
  or redis.call('EXISTS', late) == 1
return {raws, sums, redis.call('ZRANGE', settled, 0, -1), more and 1 or 0, tonumber(at)}
