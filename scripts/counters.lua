-- A hash of counters: of an open minute, of late events, or of a sum batch. This file holds what
-- the scripts that read one share, including arithmetic; counting.lua writes. counters.go describes
-- the fields of a hash. From the list of amounts it puts before this
--
--   day_kinds, minute_kinds   the kinds of each amount's counters of a feature
--   total_kinds               the kinds of the totals of a tenant: only some amounts have one
--   tokens_total              which of the totals is that of tokens
--   events_kind               the kind of events on a day, which every counter has
--
-- It does nothing on its own.

local most_values = 1000 -- of one command: unpack is limited to about 8,000
local unit = 1000000000

-- named returns the name of a counter of a feature, without its kind. at is a day or unix minute.
local function named(at, tenant, feature) return '\t' .. at .. '\t' .. tenant .. '\t' .. feature end

-- get calls use(i, value) for each field i of a hash that exists.
local function get(hash, fields, use)
  for from = 1, #fields, most_values do
    local to = math.min(from + most_values - 1, #fields)
    local values = redis.call('HMGET', hash, unpack(fields, from, to))
    for i = 1, to - from + 1 do
      if values[i] then use(from + i - 1, values[i]) end
    end
  end
end

-- totals returns a function that reads what tenants have used of all features. names are the
-- tenants. first and after are, for each tenant, the first day (a number) and the day after the
-- last.
--   read(hash, use) calls use(i, day, t, value) for each such day of the hash and each of
--   total_kinds, the t-th, in this order; value is '0' if there is none.
local function totals(names, first, after)
  local index_fields = {}
  for i = 1, #names do index_fields[i] = 'd\t' .. names[i] end
  -- Nearly all tenants have one day in a hash, and most have the same day, so what is known of a
  -- day's text is cached. With thousands of tenants, that work would take most of the time.
  local find, sub, gmatch = string.find, string.sub, string.gmatch
  local number_of, between = {}, {}
  local kinds = #total_kinds

  return function(hash, use)
    local fields, tenant_of, day_of, n = {}, {}, {}, 0
    local function want(i, day)
      local number = number_of[day]
      if not number then
        number = tonumber(day)
        number_of[day], between[day] = number, '\t' .. day .. '\t'
      end
      if number >= first[i] and number < after[i] then
        for t = 1, kinds do
          n = n + 1
          fields[n], tenant_of[n], day_of[n] = total_kinds[t] .. between[day] .. names[i], i, day
        end
      end
    end
    for from = 1, redis.call('EXISTS', hash) * #names, most_values do
      local to = math.min(from + most_values - 1, #names)
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
    for from = 1, n, most_values do
      local to = math.min(from + most_values - 1, n)
      local values = redis.call('HMGET', hash, unpack(fields, from, to))
      for f = from, to do
        use(tenant_of[f], day_of[f], (f - 1) % kinds + 1, values[f - from + 1] or '0')
      end
    end
  end
end

-- split returns a decimal integer of 64 bits as high, low: high * 10^9 + low. A Lua number loses
-- integers above 2^53; neither part comes near that, however many are added up. Both parts have the
-- sign of the integer.
local function split(amount)
  if #amount <= 9 then return 0, tonumber(amount) end
  local low = tonumber(string.sub(amount, -9))
  local high = string.sub(amount, 1, -10)
  if high == '-' then return 0, -low end
  high = tonumber(high)
  if string.byte(amount) == 45 then return high, -low end -- "-", also before a high of 0
  return high, low
end

-- carried returns an equal pair high, low with a low from 0 to 10^9 - 1, so that pairs compare.
local function carried(high, low)
  local carry = math.floor(low / unit)
  return high + carry, low - carry * unit
end

-- joined returns high * 10^9 + low as a decimal integer of any size.
local function joined(high, low)
  high, low = carried(high, low)
  local sign = ''
  if high < 0 then
    sign, high, low = '-', carried(-high, -low)
  end
  if high == 0 then return sign .. string.format('%.0f', low) end
  return sign .. string.format('%.0f%09.0f', high, low)
end

-- total returns a + b for two decimal integers of 64 bits, or nil if the sum is none.
local function total(a, b)
  if #a <= 15 and #b <= 15 then return a + b end
  local high, low = split(a)
  local more, rest = split(b)
  high, low = carried(high + more, low + rest)
  if high > 9223372036 or high == 9223372036 and low > 854775807 then return nil end
  if high < -9223372037 or high == -9223372037 and low < 145224192 then return nil end
  return joined(high, low)
end

-- index_of returns what a hash has of a tenant: "<day>\t<feature>\n" for each counter of
-- events, or nil if it has nothing.
local function index_of(hash, tenant)
  local field = 'f\t' .. tenant
  local found = redis.call('HMGET', hash, field, field .. '\tn')
  if not found[2] then return found[1] or nil end
  local parts, fields = {found[1]}, {}
  for n = 2, tonumber(found[2]) do fields[#fields + 1] = field .. '\t' .. n end
  for from = 1, #fields, most_values do
    local to = math.min(from + most_values - 1, #fields)
    local more = redis.call('HMGET', hash, unpack(fields, from, to))
    for _, part in ipairs(more) do parts[#parts + 1] = part end
  end
  return table.concat(parts)
end

