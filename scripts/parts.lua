#!lua flags=no-writes
-- Lists what tenants have used, hash by hash: open minutes, late events and every sum batch
-- that is not among the given ids.
-- Uses position.lua and counters.lua, which Go puts before it.
--
-- KEYS[1] minutes  KEYS[2] late  KEYS[3] sealed:sum  KEYS[4] settled
-- KEYS[5] seq  KEYS[6] rewound
-- ARGV[1] prefix of minute:<m>  ARGV[2] prefix of sum:<id>
-- ARGV[3] seq up to which the caller knows Postgres
-- ARGV[4] number S of ids, ARGV[5 .. 4+S] ids of sum batches to leave out
-- then the names of the tenants
--
-- Returns for each hash that has anything of them: its batch id ('' while it is open), its
--   minute ('' for late events), and a text of numbers: tenant (1..), day, each of total_kinds,
--   ... A client reads one text several times faster than as many separate values;
--   or the error REWOUND, see usage.lua.
-- Cost: 2 lookups a tenant and hash. Measured inside Valkey 8 by BenchmarkParts: 1,000 tenants
--   in 2 open minutes take 2.7 ms, 10,000 take 39 ms; callers divide them into calls of 1 ms.

local minutes, late, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local minute_prefix, sum_prefix, known = ARGV[1], ARGV[2], tonumber(ARGV[4])
local before_tenants = 4 + known
local tenants = #ARGV - before_tenants

local lost = misfit(KEYS[5], KEYS[6], tonumber(ARGV[3]))
if lost then return lost end

local leave_out = {}
for i = 5, 4 + known do leave_out[ARGV[i]] = true end

local answer, names, first, after = {}, {}, {}, {}
for i = 1, tenants do
  names[i], first[i], after[i] = ARGV[before_tenants + i], -math.huge, math.huge
end
local read = totals(names, first, after)

-- list adds what a hash has of the tenants.
local function list(hash, batch, minute)
  local numbers, n = {}, 0
  read(hash, function(i, day, t, value)
    if t == 1 then
      numbers[n + 1], numbers[n + 2] = i, day
      n = n + 2
    end
    n = n + 1
    numbers[n] = value
  end)
  if n > 0 then
    local last = #answer
    answer[last + 1], answer[last + 2], answer[last + 3] = batch, minute, table.concat(numbers, ' ')
  end
end

list(late, '', '')
for _, minute in ipairs(redis.call('ZRANGE', minutes, 0, -1)) do
  list(minute_prefix .. minute, '', minute)
end
for _, zset in ipairs({sealed_sum, settled}) do
  for _, id in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    if not leave_out[id] then
      list(sum_prefix .. id, id, redis.call('HGET', sum_prefix .. id, 'm') or '')
    end
  end
end
return answer
