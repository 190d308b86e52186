#!lua flags=no-writes
-- Lists what one tenant has used and the caller does not know from Postgres, by feature and
-- by day or minute: open minutes, late events and every sum batch that is not among the
-- given ids. Uses position.lua and counters.lua.
--
-- KEYS[1] minutes  KEYS[2] late  KEYS[3] sealed:sum  KEYS[4] settled
-- KEYS[5] seq  KEYS[6] rewound
-- ARGV[1] prefix of minute:<m>  ARGV[2] prefix of sum:<id>
-- ARGV[3] 'days' or 'minutes'
-- ARGV[4] seq up to which the caller knows Postgres
-- ARGV[5] tenant
-- ARGV[6] first day or unix minute  ARGV[7] day or minute after the last
-- ARGV[8] most counters to look at; of 'minutes', also those of other tenants in a hash of
--         late events
-- ARGV[9 ..] ids of sum batches to leave out
--
-- Returns day or minute, feature, tokens, events, ...; some days and minutes several times;
--   or the error REWOUND, see usage.lua;
--   or the error LATE: the hashes hold more than may be looked at.
-- Cost: 'days', and 'minutes' of hashes of a minute: 2 look-ups a feature and hash. Late
--   hashes and those of one large request have no index by minute: the minutes asked for are
--   tried, or all counters read if those are fewer.

local minutes, late, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local minute_prefix, sum_prefix, what = ARGV[1], ARGV[2], ARGV[3]
local tenant, from, to, most = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local looked_at = 0

local lost = misfit(KEYS[5], KEYS[6], tonumber(ARGV[4]))
if lost then return lost end

local leave_out = {}
for i = 9, #ARGV do leave_out[ARGV[i]] = true end

local answer = {}

-- list adds the counters of a hash whose names are keys, at the day or minute of each.
local function list(hash, tokens, events, names, ats)
  for first = 1, #names, most_values do
    local last = math.min(first + most_values - 1, #names)
    local token_values = redis.call('HMGET', hash, unpack(tokens, first, last))
    local event_values = redis.call('HMGET', hash, unpack(events, first, last))
    for i = 1, last - first + 1 do
      if token_values[i] then
        local n = #answer
        answer[n + 1], answer[n + 2] = ats[first + i - 1], names[first + i - 1]
        answer[n + 3], answer[n + 4] = token_values[i], event_values[i] or '0'
      end
    end
  end
end

-- of_days lists what the index of a hash names: at its day if that is asked for, or all of
-- it at a minute.
local function of_days(hash, index, minute)
  local tokens, events, names, ats = {}, {}, {}, {}
  for day, feature in string.gmatch(index, '([^\t\n]+)\t([^\n]+)') do
    local number = tonumber(day)
    looked_at = looked_at + 1
    if looked_at > most then return false end
    if minute or (number >= from and number < to) then
      local i, field = #names + 1, day .. '\t' .. tenant .. '\t' .. feature
      tokens[i], events[i], names[i], ats[i] = 't\t' .. field, 'e\t' .. field, feature, minute or number
    end
  end
  list(hash, tokens, events, names, ats)
  return true
end

-- of_late lists the minutes of a hash of late events.
local function of_late(hash, index)
  local features, seen = {}, {}
  for feature in string.gmatch(index, '[^\t\n]+\t([^\n]+)') do
    if not seen[feature] then
      seen[feature] = true
      features[#features + 1] = feature
    end
  end
  local size, tries = redis.call('HLEN', hash), 2 * #features * (to - from)
  looked_at = looked_at + math.min(size, tries)
  if looked_at > most then return false end
  if tries <= size then
    for _, feature in ipairs(features) do
      local tokens, events, names, ats = {}, {}, {}, {}
      for minute = from, to - 1 do
        local i, field = #names + 1, string.format('%d', minute) .. '\t' .. tenant .. '\t' .. feature
        tokens[i], events[i], names[i], ats[i] = 'T\t' .. field, 'E\t' .. field, feature, minute
      end
      list(hash, tokens, events, names, ats)
    end
    return true
  end
  local all, tokens, events, names, ats = redis.call('HGETALL', hash), {}, {}, {}, {}
  for f = 1, #all, 2 do
    if string.sub(all[f], 1, 2) == 'T\t' then
      local minute, name, feature = string.match(all[f], '^T\t(%d+)\t([^\t]+)\t(.+)$')
      minute = tonumber(minute)
      if name == tenant and minute >= from and minute < to then
        local i, field = #names + 1, string.sub(all[f], 2)
        tokens[i], events[i], names[i], ats[i] = 'T' .. field, 'E' .. field, feature, minute
      end
    end
  end
  list(hash, tokens, events, names, ats)
  return true
end

-- use lists a hash, of the given minute if it is of one; false if that would be too much.
local function use(hash, minute)
  if what == 'minutes' and minute and (minute < from or minute >= to) then return true end
  local index = index_of(hash, tenant)
  if not index then return true end
  if what == 'minutes' and not minute then return of_late(hash, index) end
  return of_days(hash, index, what == 'minutes' and minute)
end

local told = use(late, false)
for _, minute in ipairs(redis.call('ZRANGE', minutes, 0, -1)) do
  told = use(minute_prefix .. minute, tonumber(minute)) and told
end
for _, zset in ipairs({sealed_sum, settled}) do
  for _, id in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    if not leave_out[id] then
      local hash = sum_prefix .. id
      local minute = tonumber(redis.call('HGET', hash, 'm') or 0)
      told = use(hash, minute ~= 0 and minute) and told
    end
  end
end
if not told then return redis.error_reply('LATE too many late events wait') end
return answer
