-- A hash of counters: of an open minute, of late events, or of a sum batch. What ingest.lua,
-- stage.lua and the scripts that read such a hash share; keys.go says what its fields are. It
-- does nothing by itself.
--
-- The index of a tenant is cut into fields of about index_size bytes, so that a new counter
-- rewrites one of them, however many the tenant has.

local index_size = 2048
local most_values = 1000 -- of one command: unpack is limited to about 8,000
local unit = 1000000000

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

-- split returns a decimal integer from 0 to 2^63-1 as high, low: high * 10^9 + low. A Lua
-- number loses integers above 2^53, and neither part comes near it.
local function split(amount)
  if #amount <= 9 then return 0, tonumber(amount) end
  return tonumber(string.sub(amount, 1, -10)), tonumber(string.sub(amount, -9))
end

-- total is a + b, two decimal integers from 0 to 2^63-1, or nil if that is more.
local function total(a, b)
  if #a <= 15 and #b <= 15 then return a + b end
  local high, low = split(a)
  local more, rest = split(b)
  high, low = high + more, low + rest
  if low >= unit then high, low = high + 1, low - unit end
  if high > 9223372036 or high == 9223372036 and low > 854775807 then return nil end
  return string.format('%.0f%09.0f', high, low)
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

-- add_to_index adds "<day>\t<feature>\n" entries to the index of a tenant, and their days.
local function add_to_index(hash, tenant, entries)
  local field, days_field = 'f\t' .. tenant, 'd\t' .. tenant
  local found = redis.call('HMGET', hash, field, field .. '\tn', days_field)
  local last, days, known = tonumber(found[2] or 1), found[3] or '', {}
  local function name(n) return n == 1 and field or field .. '\t' .. n end
  local part = last == 1 and found[1] or last > 1 and redis.call('HGET', hash, name(last)) or ''
  local write, n, size, parts = {}, last, #part, {part}
  for _, entry in ipairs(entries) do
    if size >= index_size then
      write[#write + 1], write[#write + 2] = name(n), table.concat(parts)
      n, size, parts = n + 1, 0, {}
    end
    parts[#parts + 1], size = entry, size + #entry
    local day = string.match(entry, '^%d+')
    if not known[day] then
      known[day] = true
      local has = string.find('\n' .. days, '\n' .. day .. '\n', 1, true)
      if not has then days = days .. day .. '\n' end
    end
  end
  write[#write + 1], write[#write + 2] = name(n), table.concat(parts)
  if n > last then write[#write + 1], write[#write + 2] = field .. '\tn', n end
  if days ~= (found[3] or '') then write[#write + 1], write[#write + 2] = days_field, days end
  redis.call('HSET', hash, unpack(write))
end

-- counting returns two functions:
--   count(hash, first, fields): reads the counters of a hash whose names are ARGV[first] and
--     on, and whose amounts are the as many values behind those, each name once. Returns nil, or
--     the place (1..) of one that would exceed 2^63-1;
--   write(): adds all amounts, and to the index the counters that did not exist.
-- So nothing is written before all counters are known to have room. Each name is one of a hash
-- only once in all calls of count.
local function counting()
  local writes, fresh = {}, {}
  local byte, events = string.byte, string.byte('e')

  local function count(hash, first, fields)
    for from = first, first + fields - 1, most_values do
      local to = math.min(from + most_values - 1, first + fields - 1)
      local values = redis.call('HMGET', hash, unpack(ARGV, from, to))
      local write, n = {}, 0
      for i = from, to do
        local field, value, amount = ARGV[i], values[i - from + 1], ARGV[i + fields]
        if value then
          amount = total(value, amount)
          if not amount then return i - first + 1 end
        elseif byte(field) == events then
          local of_hash = fresh[hash] or {}
          fresh[hash] = of_hash
          local day, tenant, feature = string.match(field, '^e\t(%d+)\t([^\t]+)\t(.+)$')
          local entries = of_hash[tenant] or {}
          of_hash[tenant] = entries
          entries[#entries + 1] = day .. '\t' .. feature .. '\n'
        end
        write[n + 1], write[n + 2] = field, amount
        n = n + 2
      end
      writes[#writes + 1] = {hash, write}
    end
  end

  local function write()
    for _, w in ipairs(writes) do redis.call('HSET', w[1], unpack(w[2])) end
    for hash, of_hash in pairs(fresh) do
      for tenant, entries in pairs(of_hash) do add_to_index(hash, tenant, entries) end
    end
  end

  return count, write
end

