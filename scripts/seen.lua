-- The event ids that a shard remembers: what ingest.lua, stage.lua and remember.lua share. It
-- does nothing by itself.
--
-- An id is 20 bytes: 4 choose its bucket, 11 are its field, 5 are the digest of what
-- it was sent for. Five zeros in place of a digest match any content.
--
-- An id of a large request, which stage.lua stores part by part, has the request's token behind
-- the digest. Whether it is remembered is up to the key <request><token>: 'counted' says yes,
-- 'open' that the request is on its way, and without the key the id was never seen.
--
-- Ids lie in slices of time. A slice has buckets: hashes small enough to be stored as
-- a listpack, one field an id, named <prefix><slice>:<bucket, hex>. The list of slices,
-- newest first, has for each "<number> <start> <buckets> <ids>"; start is Valkey's own
-- time in ms. With the window W, a slice
--
--   takes new ids for 2/3 W, or until it has `most` in a bucket on average, and then
--   the next one, with a number of buckets for the rate of ids seen in the last, does;
--   is asked until 2 W after its start, and its buckets expire 2 W after their first id.
--
-- So an id is remembered for 4/3 W to 2 W. Valkey's clock may jump ahead by 1/3 W
-- without an id being forgotten within W; if it jumps further, ids are forgotten early
-- by what exceeds that. If it jumps back, ids are remembered for longer by the jump. No
-- other machine's clock matters.
--
-- The keys of buckets are made here, and so are not among KEYS: they share the hash tag
-- of the shard's other keys, and thus their slot.
--
-- A window that is made longer holds for the ids that come from then on.
--
-- Cost: a look-up of an id for each slice that is asked, which are 3, or a few more for
--   2 W after the rate of ids has grown by a multiple. Measured inside Valkey 8: about
--   6 us an id, where a key each takes 1.5 us.
-- Memory: 25 to 26 bytes an id, where a key each takes about 190; the process grows by
--   30. At most 2 W are remembered, so 1,000 ids/s and W = 3 h take 560 MB.

local call, format = redis.call, string.format
local id_format, id_size, digest_size = '>I4c11c5', 20, 5
local any_content = string.rep('\0', 5)
-- A listpack holds hash-max-listpack-entries: 512 by default, 128 in the least generous
-- configuration that is common. Buckets fill at random: of those with 64 on average
-- one in 10^11 has more than 128.
local aim, most, least_buckets = 50, 64, 4096

-- remembered reads the list of slices. o has their key, slices; the prefix of the buckets; the
-- window in ms; and the prefix of the keys of large requests. It returns four functions:
--   find(bucket, field): the digest of an id that is remembered, else nil; and whether a request
--     that is on its way has it;
--   open(n): chooses the slice for n new ids, before the first put;
--   put(bucket, field, digest): remembers an id that find does not know; digest may be followed
--     by a token;
--   close(): writes the list; nothing else but put writes.
local function remembered(o)
  local slices, prefix, window = o.slices, o.prefix, o.window
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local takes, asked_for = math.ceil(window * 2 / 3), window * 2
  local asked, over, newest = {}, {}, nil
  for i, record in ipairs(call('LRANGE', slices, 0, -1)) do
    local number, start, buckets, ids = string.match(record, '^(%d+) (%d+) (%d+) (%d+)$')
    local slice = {number = tonumber(number), start = tonumber(start), buckets = tonumber(buckets),
      ids = tonumber(ids), key = prefix .. number .. ':%x'}
    if i == 1 then newest = slice end
    if now >= slice.start + asked_for then
      over[#over + 1] = record
    else
      asked[#asked + 1] = slice
    end
  end

  local states = {}
  local function find(bucket, field)
    for i = 1, #asked do
      local slice = asked[i]
      local value = call('HGET', format(slice.key, bucket % slice.buckets), field)
      if value and #value == digest_size then return value end
      if value then
        local token = string.sub(value, digest_size + 1)
        if not states[token] then states[token] = call('GET', o.request .. token) or 'given up' end
        if states[token] ~= 'given up' then
          return string.sub(value, 1, digest_size), states[token] == 'open'
        end
      end
    end
  end

  local slice, fresh
  local function open(n)
    local last = newest
    slice = last
    if last and last.start <= now and now < last.start + takes and last.ids + n <= most * last.buckets then return end
    fresh = true
    slice = {number = 1, start = now, buckets = math.max(least_buckets, math.ceil(n / aim)), ids = 0}
    if last then
      local took = now - last.start
      if took < 1 or took > takes then took = takes end
      -- At most 4 times larger at once: a burst must not leave a slice of empty buckets.
      local buckets = math.min(last.ids * takes / took / aim, 4 * last.buckets)
      slice.number, slice.buckets = last.number + 1, math.max(slice.buckets, math.ceil(buckets))
    end
    slice.key = prefix .. slice.number .. ':%x'
  end

  local function put(bucket, field, digest)
    local key = format(slice.key, bucket % slice.buckets)
    slice.ids = slice.ids + call('HSET', key, field, digest)
    call('PEXPIRE', key, asked_for, 'NX')
  end

  local function close()
    local record = format('%.0f %.0f %.0f %.0f', slice.number, slice.start, slice.buckets, slice.ids)
    if not fresh then
      call('LSET', slices, 0, record)
      return
    end
    for _, old in ipairs(over) do call('LREM', slices, 1, old) end
    call('LPUSH', slices, record)
  end

  return find, open, put, close
end

-- seen_among adds to a list, for each of ids that find knows, its number (1..) and 1 if it was sent
-- for the same content, 0 if for another, 2 if a request that is on its way has it.
local function seen_among(ids, find, list)
  for at = 1, #ids, id_size do
    local bucket, field, digest = struct.unpack(id_format, ids, at)
    local before, on_its_way = find(bucket, field)
    if before then
      list[#list + 1] = (at - 1) / id_size + 1
      list[#list + 1] = on_its_way and 2 or (before == digest or before == any_content) and 1 or 0
    end
  end
  return list
end

-- remember puts ids that find does not know, with a token behind their digests.
local function remember(ids, open, put, close, token)
  open(#ids / id_size)
  for at = 1, #ids, id_size do
    local bucket, field, digest = struct.unpack(id_format, ids, at)
    put(bucket, field, digest .. token)
  end
  close()
end
