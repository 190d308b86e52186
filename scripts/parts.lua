#!lua flags=no-writes
-- Lists what tenants have used, hash by hash: open minutes, late events and every sum batch
-- that is not among the given ids.
-- Uses position.lua, which Go puts before it.
--
-- KEYS[1] minutes  KEYS[2] late  KEYS[3] sealed:sum  KEYS[4] settled
-- KEYS[5] seq  KEYS[6] rewound
-- ARGV[1] prefix of minute:<m>  ARGV[2] prefix of sum:<id>
-- ARGV[3] seq up to which the caller knows Postgres
-- ARGV[4] number S of ids, ARGV[5 .. 4+S] ids of sum batches to leave out
-- then the names of the tenants
--
-- Returns for each hash that has anything of them: its batch id ('' while it is open), its
--   minute ('' for late events), and a text of numbers: tenant (1..) day tokens, ... One text
--   is read several times faster than as many values of their own;
--   or the error REWOUND, see usage.lua.
-- Cost: 2 look-ups a tenant and hash. Measured inside Valkey 8 by BenchmarkParts: 1,000 tenants
--   in 2 open minutes take 2.7 ms, 10,000 take 39 ms; callers divide them into calls of 1 ms.

local minutes, late, sealed_sum, settled = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local minute_prefix, sum_prefix, known = ARGV[1], ARGV[2], tonumber(ARGV[4])
local before_tenants = 4 + known
local tenants = #ARGV - before_tenants
local chunk = 1000 -- values that one HMGET may take: unpack is limited to about 8,000

local lost = misfit(KEYS[5], KEYS[6], tonumber(ARGV[3]))
if lost then return lost end

local leave_out = {}
for i = 5, 4 + known do leave_out[ARGV[i]] = true end

local names, index_fields = {}, {}
for i = 1, tenants do
  names[i] = ARGV[before_tenants + i]
  index_fields[i] = 'd\t' .. names[i]
end

local answer = {}

-- list adds what a hash has of the tenants.
local function list(hash, batch, minute)
  local fields, numbers, n, count = {}, {}, 0, 0
  local prefix_of = {} -- nearly all tenants have one day in a hash, and most the same
  local function want(i, day)
    if not prefix_of[day] then prefix_of[day] = 's\t' .. day .. '\t' end
    count = count + 1
    fields[count] = prefix_of[day] .. names[i]
    numbers[n + 1], numbers[n + 2], numbers[n + 3] = i, day, '0'
    n = n + 3
  end
  for from = 1, redis.call('EXISTS', hash) * tenants, chunk do
    local to = math.min(from + chunk - 1, tenants)
    local values = redis.call('HMGET', hash, unpack(index_fields, from, to))
    for i = from, to do
      local days = values[i - from + 1]
      if days then
        if string.find(days, '\n', 1, true) == #days then
          want(i, string.sub(days, 1, -2))
        else
          for day in string.gmatch(days, '[^\n]+') do want(i, day) end
        end
      end
    end
  end
  for from = 1, count, chunk do
    local to = math.min(from + chunk - 1, count)
    local values = redis.call('HMGET', hash, unpack(fields, from, to))
    for f = from, to do numbers[3 * f] = values[f - from + 1] or '0' end
  end
  if n > 0 then
    local last = #answer
    answer[last + 1], answer[last + 2], answer[last + 3] = batch, minute, table.concat(numbers, ' ')
  end
end

list(late, '', '')
for _, minute in ipairs(redis.call('ZRANGE', minutes, 0, -1)) do list(minute_prefix .. minute, '', minute) end
for _, zset in ipairs({sealed_sum, settled}) do
  for _, id in ipairs(redis.call('ZRANGE', zset, 0, -1)) do
    if not leave_out[id] then list(sum_prefix .. id, id, redis.call('HGET', sum_prefix .. id, 'm') or '') end
  end
end
return answer
