#!lua
-- Judges a large request, which stage.lua has stored, by a part of its limits. A request with any
-- number of limits thus takes only short calls. First the caller checks every part, then it takes
-- every part; ingest.lua counts the request only if all parts were taken. Uses position.lua,
-- counters.lua and limits.lua, which Go puts before it.
--
-- KEYS[1] request  KEYS[2] request:judged, hash: "n" is the number of parts taken,
--   "q\t<tenant>" the tokens that are held of a tenant's quota
-- KEYS[3] holding  zset: tokens of requests that hold a part of a quota, by the ms of their end
-- KEYS[4] seq  KEYS[5] minutes  KEYS[6] sealed:sum  KEYS[7] late  KEYS[8] settled  KEYS[9] dropped
--
-- ARGV[1] limits, of one request, as limits.lua says; each tenant's are in one part
-- ARGV[2] number of the part, 1.., to take it, which may be repeated; 0 to only check it
-- ARGV[3] token of the request
-- ARGV[4] ms after which the request is given up
--
-- Returns {'ok', levels, largest} as ingest.lua; {'refused', refused, levels}: nothing is written;
--         {'unstaged'} the request, or a part that was taken before, is not there.
-- Held tokens are not used tokens: they count until the request is counted, given up or forgotten,
-- and refuse no other request for good. What was taken of rates and features stays taken if a later
-- part is refused; that happens only if another request came between checking and taking.
-- Cost: that of limits.lua.

local request, judged, holding = KEYS[1], KEYS[2], KEYS[3]
local part, token, patience = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local limits = cjson.decode(ARGV[1])

if redis.call('GET', request) ~= 'open' then return {'unstaged'} end
local limiter = limiting(limits, tonumber(redis.call('GET', KEYS[4]) or 0))
if part > 0 then
  local taken = tonumber(redis.call('HGET', judged, 'n') or 0)
  if taken == part then return {'ok', limiter.levels(), 0} end -- levels contain it
  if taken ~= part - 1 then return {'unstaged'} end
end
if limiter.rates() then return {'refused', limiter.refused, limiter.levels()} end
local refused = limiter.others({minutes = KEYS[5], sealed_sum = KEYS[6], late = KEYS[7],
  settled = KEYS[8], dropped = KEYS[9], holding = holding})
if refused then return {'refused', limiter.refused, limiter.levels()} end
if part == 0 then return {'ok', limiter.levels(), 0} end

local largest = limiter.charge()
local needs = limits.requests[1].quotas
local fields = {'n', part}
for c = 1, #needs, 3 do
  fields[#fields + 1], fields[#fields + 2] = 'q\t' .. limits.quotas[needs[c]][1], needs[c + 2]
end
for from = 1, #fields, most_values do
  redis.call('HSET', judged, unpack(fields, from, math.min(from + most_values - 1, #fields)))
end
redis.call('PEXPIRE', judged, patience)
if #needs > 0 then
  local time = redis.call('TIME')
  local ends = time[1] * 1000 + math.floor(time[2] / 1000) + patience
  redis.call('ZADD', holding, string.format('%.0f', ends), token)
end
return {'ok', limiter.levels(), largest}
