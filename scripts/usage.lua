#!lua flags=no-writes
-- Adds up what tenants have used and the caller does not know from Postgres: open
-- minutes, late events and every sum batch that is not among the given ids. Uses position.lua and
-- counters.lua.
--
-- KEYS[1] minutes  KEYS[2] late  KEYS[3] sealed:sum  KEYS[4] settled
-- KEYS[5] seq  KEYS[6] rewound
-- ARGV[1] prefix of minute:<m>  ARGV[2] prefix of sum:<id>
-- ARGV[3] 'tokens' or 'features'
-- ARGV[4] seq up to which the caller knows Postgres
-- ARGV[5] number S of ids, ARGV[6] most counters to look at, of 'features'
-- ARGV[7 .. 6+S] ids of sum batches to leave out
-- then, for each tenant, 3 values: name, first day, day after the last
--
-- Returns, for 'tokens', two integers a tenant: high, low; and behind them the number of hashes;
--         for 'features', a list a tenant of feature, high, low, events, ...
--   where tokens = high * 10^9 + low, see counters.lua, and the list is empty for tenants whose
--   counters are more than may be looked at: the numbers of those, 1.., follow as a last list;
--   or the error REWOUND: Valkey has lost writes that the caller knows of, or somebody
--   has noticed that, or it has been dealt with since the caller looked at Postgres.
-- Cost: 2 look-ups a tenant and hash. Measured inside Valkey 8 by BenchmarkUsage: one tenant
--   takes 21 us in one hash and 29 us in two, 100 tenants in two 0.26 ms, 1,000 tenants 1.5 ms
--   a hash. There are 2 or 3 hashes, and one more for every minute that Postgres is away.

local minutes, late, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local minute_prefix, sum_prefix, what, known = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
local most = tonumber(ARGV[6])
local first_tenant = 7 + known
local tenants = (#ARGV - first_tenant + 1) / 3

local lost = misfit(KEYS[5], KEYS[6], tonumber(ARGV[4]))
if lost then return lost end

local leave_out = {}
for i = 7, 6 + known do leave_out[ARGV[i]] = true end

local hashes = {late}
for _, minute in ipairs(redis.call('ZRANGE', minutes, 0, -1)) do
  hashes[#hashes + 1] = minute_prefix .. minute
end
for _, zset in ipairs({sealed_sum, settled}) do
  for _, id in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    if not leave_out[id] then hashes[#hashes + 1] = sum_prefix .. id end
  end
end

local name, from_day, to_day = {}, {}, {}
for i = 1, tenants do
  local a = first_tenant + (i - 1) * 3
  name[i], from_day[i], to_day[i] = ARGV[a], tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
end
local function in_period(i, day)
  day = tonumber(day)
  return day >= from_day[i] and day < to_day[i]
end

if what == 'tokens' then
  local index_fields = {}
  for i = 1, tenants do index_fields[i] = 'd\t' .. name[i] end
  -- Nearly all tenants have one day in a hash, and most the same: what is known of a day's
  -- text is kept. This and what it avoids is most of the time for thousands of tenants.
  local find, sub, gmatch = string.find, string.sub, string.gmatch
  local number_of, prefix_of = {}, {}
  local high_low = {}
  for i = 1, 2 * tenants do high_low[i] = 0 end
  for _, hash in ipairs(hashes) do
    local fields, tenant_of, n = {}, {}, 0
    local function want(i, day)
      local number = number_of[day]
      if not number then
        number = tonumber(day)
        number_of[day], prefix_of[day] = number, 's\t' .. day .. '\t'
      end
      if number >= from_day[i] and number < to_day[i] then
        n = n + 1
        fields[n], tenant_of[n] = prefix_of[day] .. name[i], i
      end
    end
    for from = 1, redis.call('EXISTS', hash) * tenants, most_values do
      local to = math.min(from + most_values - 1, tenants)
      local values = redis.call('HMGET', hash, unpack(index_fields, from, to))
      for i = from, to do
        local days = values[i - from + 1]
        if days then
          if find(days, '\n', 1, true) == #days then
            want(i, sub(days, 1, -2))
          else
            for day in gmatch(days, '[^\n]+') do want(i, day) end
          end
        end
      end
    end
    get(hash, fields, function(f, value)
      local i, high, low = tenant_of[f], split(value)
      high_low[2 * i - 1] = high_low[2 * i - 1] + high
      high_low[2 * i] = high_low[2 * i] + low
    end)
  end
  high_low[2 * tenants + 1] = #hashes
  return high_low
end

-- features returns the list of one tenant, or nil if it has too many counters.
local function features(i)
  local rows, place, looked_at = {}, {}, 0
  for _, hash in ipairs(hashes) do
    local tokens, events, slot = {}, {}, {}
    for day, feature in string.gmatch(index_of(hash, name[i]) or '', '([^\t\n]+)\t([^\n]+)') do
      looked_at = looked_at + 1
      if looked_at > most then return nil end
      if in_period(i, day) then
        if not place[feature] then
          place[feature] = #rows + 1
          rows[#rows + 1], rows[#rows + 2], rows[#rows + 3], rows[#rows + 4] = feature, 0, 0, 0
        end
        local field = day .. '\t' .. name[i] .. '\t' .. feature
        tokens[#tokens + 1], events[#events + 1] = 't\t' .. field, 'e\t' .. field
        slot[#tokens] = place[feature]
      end
    end
    get(hash, tokens, function(f, value)
      local at = slot[f]
      local high, low = split(value)
      rows[at + 1], rows[at + 2] = rows[at + 1] + high, rows[at + 2] + low
    end)
    get(hash, events, function(f, value)
      rows[slot[f] + 3] = rows[slot[f] + 3] + tonumber(value)
    end)
  end
  most = most - looked_at -- of the tenants behind it
  return rows
end

local answer, too_many = {}, {}
for i = 1, tenants do
  answer[i] = features(i)
  if not answer[i] then
    answer[i], too_many[#too_many + 1] = {}, i
  end
end
answer[tenants + 1] = too_many
return answer
