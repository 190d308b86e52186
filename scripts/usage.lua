#!lua flags=no-writes
-- Adds up what tenants have used, as far as the caller does not know it from Postgres: open
-- minutes, late events and every sum batch that is not among the given ids. Uses position.lua and
-- counters.lua.
--
-- KEYS[1] minutes  KEYS[2] late  KEYS[3] sealed:sum  KEYS[4] settled
-- KEYS[5] seq  KEYS[6] rewound
-- ARGV[1] prefix of minute:<m>  ARGV[2] prefix of sum:<id>
-- ARGV[3] 'totals' or 'features'
-- ARGV[4] seq up to which the caller knows Postgres
-- ARGV[5] number S of ids, ARGV[6] most counters to read, for 'features'
-- ARGV[7 .. 6+S] ids of sum batches to leave out
-- then, for each tenant, 3 values: name, first day, day after the last
--
-- Returns, for 'totals', two integers for each tenant and each of total_kinds: high, low; then the
--         number of hashes;
--         for 'features', for each tenant a list of feature, high, low for each amount, ...;
--   where an amount is high * 10^9 + low, see counters.lua. The list is empty for a tenant with
--   more counters than may be read; a last list has the numbers of those tenants, 1..;
--   or the error REWOUND: Valkey has lost writes that the caller knows of, another caller has
--   noticed that, or a recovery has ended since the caller read Postgres.
-- Cost: 2 lookups a tenant and hash, and one more for each further total. Measured inside Valkey 8
-- by BenchmarkUsage: one tenant takes 21 us in one hash and 29 us in two, 100 tenants in two 0.26
-- ms, 1,000 tenants 1.5 ms a hash. There are 2 or 3 hashes, and one more for every minute that
-- Postgres is down.

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

if what == 'totals' then
  local kinds = #total_kinds
  local sums = {}
  for i = 1, 2 * kinds * tenants do sums[i] = 0 end
  local read = totals(name, from_day, to_day)
  local function add(i, _, t, value)
    local at = 2 * (kinds * (i - 1) + t)
    local high, low = split(value)
    sums[at - 1], sums[at] = sums[at - 1] + high, sums[at] + low
  end
  for _, hash in ipairs(hashes) do read(hash, add) end
  sums[#sums + 1] = #hashes
  return sums
end

-- features returns the list of one tenant, or nil if it has too many counters.
local function features(i)
  local rows, place, looked_at = {}, {}, 0
  local width = 1 + 2 * #day_kinds
  for _, hash in ipairs(hashes) do
    local counters, row = {}, {}
    for day, feature in string.gmatch(index_of(hash, name[i]) or '', '([^\t\n]+)\t([^\n]+)') do
      looked_at = looked_at + 1
      if looked_at > most then return nil end
      if in_period(i, day) then
        if not place[feature] then
          place[feature] = #rows + 1
          rows[#rows + 1] = feature
          for _ = 2, width do rows[#rows + 1] = 0 end
        end
        counters[#counters + 1] = named(day, name[i], feature)
        row[#counters] = place[feature]
      end
    end
    for a, kind in ipairs(day_kinds) do
      local fields = {}
      for c, counter in ipairs(counters) do fields[c] = kind .. counter end
      get(hash, fields, function(c, value)
        local at = row[c] + 2 * a
        local high, low = split(value)
        rows[at - 1], rows[at] = rows[at - 1] + high, rows[at] + low
      end)
    end
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
