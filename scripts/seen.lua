-- The event ids that a shard remembers. ingest.lua, stage.lua and remember.lua share this file. It
-- does nothing on its own.
--
-- An id is 20 bytes: 4 choose its bucket, 11 are its field, and 5 are the digest of the content
-- that it was sent with. A digest of five zeros matches any content.
--
-- An id of a large request, which stage.lua stores part by part, has the request's token after the
-- digest. The key <request><token> decides whether the id is remembered: 'counted' means yes,
-- 'open' means that the request is in progress, and without the key the id was never seen.
--
-- Ids are stored in slices of time. A slice has buckets: hashes small enough to be stored as a
-- listpack, with one field an id, named <prefix><slice>:<bucket, hex>. The list of slices, newest
-- first, has for each "<number> <start> <buckets> <ids>"; start is in ms of Valkey's clock. With
-- the window W, a slice
--
--   takes new ids for 2/3 W, or until its buckets hold `most` ids on average. Then the next
--     slice does, with a number of buckets that suits the rate of ids in the last one;
--   is read until 2 W after its start, and its buckets expire 2 W after their first id.
--
-- An id is therefore remembered for 4/3 W to 2 W. Valkey's clock may jump ahead by 1/3 W without an
-- id being forgotten within W; if it jumps further, ids are forgotten early by the excess. If it
-- jumps back, ids are remembered longer by the jump. No other machine's clock matters.
--
-- This script builds the keys of buckets, so they are not among KEYS. They share the hash tag of
-- the shard's other keys, and thus their slot.
--
-- A lengthened window applies to ids that come from then on.
--
-- Cost: one lookup of an id for each slice that is read, of which there are 3, or a few more for 2
-- W after the rate of ids has grown by a multiple. Measured inside Valkey 8: about 6 us an id; with
-- one key an id it would be 1.5 us.
-- Memory: 25 to 26 bytes an id; with one key an id it would be about 190. The process grows by 30
-- bytes an id. Ids are remembered for at most 2 W, so 1,000 ids/s and W = 3 h take 560 MB.

local call, format = redis.call, string.format
local id_format, id_size, digest_size = '>I4c11c5', 20, 5
local any_content = string.rep('\0', 5)
-- A listpack holds hash-max-listpack-entries: 512 by default, 128 in the least generous common
-- configuration. Buckets fill at random: with 64 ids on average, one bucket in 10^11 has more than
-- 128.
local aim, most, least_buckets = 50, 64, 4096

-- remembered reads the list of slices. o has slices, the key of the list; prefix, that of the
-- buckets; window, in ms; and request, the prefix of the keys of large requests. It returns four
-- functions:
--   find(bucket, field): the digest of an id that is remembered, else nil; and whether it belongs
--     to a request in progress;
--   open(n): chooses the slice for n new ids, before the first put;
--   put(bucket, field, digest): remembers an id that find does not know; a token may follow the
--     digest;
--   close(): writes the list; only close and put write.
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
    if last and last.start <= now and now < last.start + takes
      and last.ids + n <= most * last.buckets then return end
    fresh = true
    local buckets = math.max(least_buckets, math.ceil(n / aim))
    slice = {number = 1, start = now, buckets = buckets, ids = 0}
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
    local record = format('%.0f %.0f %.0f %.0f',
      slice.number, slice.start, slice.buckets, slice.ids)
    if not fresh then
      call('LSET', slices, 0, record)
      return
    end
    for _, old in ipairs(over) do call('LREM', slices, 1, old) end
    call('LPUSH', slices, record)
  end

  return find, open, put, close
end

-- seen_among adds to a list, for each of the ids that find knows, its number (1..) and 1 if it was
-- sent for the same content, 0 if for another, 2 if it belongs to a request in progress.
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

-- remember stores ids that find does not know, with a token after their digests.
local function remember(ids, open, put, close, token)
  open(#ids / id_size)
  for at = 1, #ids, id_size do
    local bucket, field, digest = struct.unpack(id_format, ids, at)
    put(bucket, field, digest .. token)
  end
  close()
end
