-- Adds to a hash of counters (counters.lua, which Go puts before this). It does nothing on its own.
--
-- The index of a tenant is cut into fields of about index_size bytes, so that a new counter
-- rewrites only one of them, however many the tenant has.

local index_size = 2048

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
--   count(hash, first, fields): reads the counters of a hash. Their names, each once, are
--     ARGV[first] and on; the same number of amounts follows. Returns nil, or the place (1..) of
--     a counter that would not fit 64 bits;
--   write(): adds all amounts, and adds the counters that did not exist to the index.
-- Nothing is written before all counters are known to have room. All calls of count together may
-- name a counter of a hash only once.
local function counting()
  local writes, fresh = {}, {}
  local byte, events = string.byte, string.byte(events_kind)

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
          local day, tenant, feature = string.match(field, '^.\t(%d+)\t([^\t]+)\t(.+)$')
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

