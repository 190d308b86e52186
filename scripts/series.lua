#!lua flags=no-writes
-- Lists what one tenant has used, as far as the caller does not know it from Postgres, by feature
-- and by day or minute: open minutes, late events and every sum batch that is not among the given
-- ids. Uses position.lua and counters.lua.
--
-- KEYS[1] minutes  KEYS[2] late  KEYS[3] sealed:sum  KEYS[4] settled
-- KEYS[5] seq  KEYS[6] rewound
-- ARGV[1] prefix of minute:<m>  ARGV[2] prefix of sum:<id>
-- ARGV[3] 'days' or 'minutes'
-- ARGV[4] seq up to which the caller knows Postgres
-- ARGV[5] tenant
-- ARGV[6] first day or unix minute  ARGV[7] day or minute after the last
-- ARGV[8] most counters to read; for 'minutes', including those of other tenants in a hash of
--         late events
-- ARGV[9 ..] ids of sum batches to leave out
--
-- Returns day or minute, feature, each amount, ...; a day or minute may occur several times;
--   or the error REWOUND, see usage.lua;
--   or the error LATE: the hashes hold more than may be read.
-- Cost: for 'days', and for 'minutes' in the hash of a minute: one lookup an amount, feature and
-- hash. Late hashes and those of one large request have no index by minute: the script tries the
-- minutes asked for, or reads all counters if those are fewer.

local minutes, late, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local minute_prefix, sum_prefix, what = ARGV[1], ARGV[2], ARGV[3]
local tenant, from, to, most = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local looked_at = 0

local lost = misfit(KEYS[5], KEYS[6], tonumber(ARGV[4]))
if lost then return lost end

local leave_out = {}
for i = 9, #ARGV do leave_out[ARGV[i]] = true end

local answer = {}

-- list adds counters of a hash, given by their names without kinds, their features, and the day or
-- minute of each. kinds are the kinds of the amounts.
local function list(hash, kinds, counters, names, ats)
  for first = 1, #counters, most_values do
    local last = math.min(first + most_values - 1, #counters)
    local values = {}
    for a, kind in ipairs(kinds) do
      local fields = {}
      for c = first, last do fields[c - first + 1] = kind .. counters[c] end
      values[a] = redis.call('HMGET', hash, unpack(fields))
    end
    for c = first, last do
      if values[1][c - first + 1] then
        local n = #answer
        answer[n + 1], answer[n + 2] = ats[c], names[c]
        for a = 1, #kinds do answer[n + 2 + a] = values[a][c - first + 1] or '0' end
      end
    end
  end
end

-- of_days lists the counters that the index of a hash names: those of the days asked for at their
-- days or, with a minute, all of them at that minute.
local function of_days(hash, index, minute)
  local counters, names, ats = {}, {}, {}
  for day, feature in string.gmatch(index, '([^\t\n]+)\t([^\n]+)') do
    local number = tonumber(day)
    looked_at = looked_at + 1
    if looked_at > most then return false end
    if minute or (number >= from and number < to) then
      local i = #names + 1
      counters[i], names[i], ats[i] = named(day, tenant, feature), feature, minute or number
    end
  end
  list(hash, day_kinds, counters, names, ats)
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
  local size, tries = redis.call('HLEN', hash), #minute_kinds * #features * (to - from)
  looked_at = looked_at + math.min(size, tries)
  if looked_at > most then return false end
  if tries <= size then
    for _, feature in ipairs(features) do
      local counters, names, ats = {}, {}, {}
      for minute = from, to - 1 do
        local i = #names + 1
        counters[i] = named(string.format('%d', minute), tenant, feature)
        names[i], ats[i] = feature, minute
      end
      list(hash, minute_kinds, counters, names, ats)
    end
    return true
  end
  local all, counters, names, ats = redis.call('HGETALL', hash), {}, {}, {}
  for f = 1, #all, 2 do
    if string.sub(all[f], 1, 2) == minute_kinds[1] .. '\t' then
      local minute, name, feature = string.match(all[f], '^.\t(%d+)\t([^\t]+)\t(.+)$')
      minute = tonumber(minute)
      if name == tenant and minute >= from and minute < to then
        local i = #names + 1
        counters[i], names[i], ats[i] = string.sub(all[f], 2), feature, minute
      end
    end
  end
  list(hash, minute_kinds, counters, names, ats)
  return true
end

-- use lists a hash, with its minute if it has one; it returns false if the hash holds too much.
local function use(hash, minute)
  if what == 'minutes' and minute and (minute < from or minute >= to) then return true end
  local index = index_of(hash, tenant)
  if not index then return true end
  if what == 'minutes' and not minute then return of_late(hash, index) end
  return of_days(hash, index, what == 'minutes' and minute)
end

local whole = use(late, false)
for _, minute in ipairs(redis.call('ZRANGE', minutes, 0, -1)) do
  whole = use(minute_prefix .. minute, tonumber(minute)) and whole
end
for _, zset in ipairs({sealed_sum, settled}) do
  for _, id in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    if not leave_out[id] then
      local hash = sum_prefix .. id
      local minute = tonumber(redis.call('HGET', hash, 'm') or 0)
      whole = use(hash, minute ~= 0 and minute) and whole
    end
  end
end
if not whole then return redis.error_reply('LATE too many late events wait') end
return answer
