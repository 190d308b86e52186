#!lua
-- Applies one group of events, or nothing of it. Uses seen.lua and limits.lua, which Go puts
-- before it.
--
-- KEYS[1] raw        list: receives the lines
-- KEYS[2] rawbytes   integer: size of raw
-- KEYS[3] group      integer: number of this committer's last applied group
-- KEYS[4] seq        integer: grows with every hand-out
-- KEYS[5] sealed:raw zset: raw batches that wait for Postgres
-- KEYS[6] raw:<id>   list: what raw becomes if this group fills it
-- KEYS[7] minutes    zset: open minutes
-- KEYS[8] order      integer: grows with every sealed batch
-- KEYS[9] rewound    string: exists while lost writes have been noticed and not dealt with
-- KEYS[10] slices    list: the slices of remembered ids; their buckets: see seen.lua
-- KEYS[11] accepted  integer: events counted since the shard exists
-- KEYS[12] changed   zset: tenants whose usage has grown, by the look that will see it
-- KEYS[13] look      integer: number of the present look at changed
-- KEYS[14 .. 13+H]   hashes the counters go to: minutes, late
-- then, only with limits: late, sealed:sum, settled, dropped
--
-- ARGV[1] number of this group: greater than that of every group this committer sent before
-- ARGV[2] ms to keep KEYS[3]
-- ARGV[3] the lines
-- ARGV[4] size in bytes from which raw is sealed at once
-- ARGV[5] batch id of KEYS[6]
-- ARGV[6] ms to remember an event id
-- ARGV[7] prefix of the buckets of ids
-- ARGV[8] N ids of 20 bytes, see seen.lua; each at most once
-- ARGV[9] H
-- ARGV[10] witness: the largest seq that the caller knows of
-- ARGV[11] number of the last group that this committer knows to be applied, 0 if none
-- ARGV[12] seq when it was applied
-- ARGV[13] limits of the requests in the group, JSON as limits.lua says, or ''
-- then H minutes, one for each hash: the unix minute, or '' for late
-- then, for each counter, 7 values: number of its hash (1..H), minute ('' unless late),
--      day, tenant, feature, tokens, events
--
-- Returns {'ok', seq, levels, largest} if the group is applied, now or by an earlier call;
--                levels of the limits' buckets, and the most features of a tenant among those
--                that are new, 0 if it was an earlier call; both absent without limits;
--         {'seen', i, same, ...} pairs: the i-th id (1..N) was seen before, with the
--                same content (1) or another one (0); nothing is written;
--         {'refused', refused, levels} requests exceed their limits, see limits.lua;
--                nothing is written;
--         {'overflow', i} the i-th counter would exceed 2^63-1; nothing is written;
--         {'old'} a later group of this committer is applied; nothing is written;
--         error REWOUND: Valkey has lost writes that the caller knows of, or somebody
--                else has noticed that before; nothing but KEYS[9] is written.
-- Cost: 3 HINCRBY a counter (5 if late) and a ZADD, 5 commands an id. Measured inside Valkey 8: one
--   event takes about 20 us, 1,000 counters take 4 ms (late 7 ms), 1,000 ids 6 ms more.

local raw, rawbytes, group, seq, sealed, batch, minutes, order, rewound, slices, accepted, changed, look =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local fixed_keys, fixed_args = 13, 13
local number, group_ttl, lines, batch_size, batch_id, window, bucket_prefix, ids =
  ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
local hashes = tonumber(ARGV[9])
local witness, known, known_seq = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
local first_counter = fixed_args + hashes + 1
local counters = (#ARGV - first_counter + 1) / 7
local limits = ARGV[13] ~= '' and cjson.decode(ARGV[13])

local function judged()
  local k = fixed_keys + hashes
  return judge(limits, tonumber(redis.call('GET', seq) or 0),
    {minutes = minutes, late = KEYS[k + 1], sealed_sum = KEYS[k + 2], settled = KEYS[k + 3], dropped = KEYS[k + 4]})
end

-- Check: was it applied before?
local last = tonumber(redis.call('GET', group) or -1)
local at = redis.call('GET', seq) or '0'
if last == tonumber(number) then
  if not limits then return {'ok', tonumber(at)} end
  local _, levels = judged() -- they contain what the earlier call has taken
  return {'ok', tonumber(at), levels, 0}
end

-- Check: is everything still there that the caller knows of? A recovery moves seq by
-- 2^32; groups from before it need not be there.
local lost
if tonumber(at) < tonumber(witness) then
  lost = 'seq is ' .. at .. ' and was ' .. witness
elseif known > 0 and last < known and tonumber(at) < known_seq + 4294967296 then
  lost = 'the last group of a committer is ' .. last .. ' and was ' .. known
end
if lost then redis.call('SET', rewound, batch_id .. ' ' .. witness .. ' ' .. lost, 'NX') end
if redis.call('EXISTS', rewound) == 1 then return redis.error_reply('REWOUND valkey has lost writes') end
if last > tonumber(number) then return {'old'} end

-- Check: are all ids new?
local find, open, put, close
if #ids > 0 then
  find, open, put, close = remembered(slices, bucket_prefix, window)
  local seen = {'seen'}
  for at = 1, #ids, id_size do
    local bucket, field, digest = struct.unpack(id_format, ids, at)
    local before = find(bucket, field)
    if before then
      seen[#seen + 1] = (at - 1) / id_size + 1
      seen[#seen + 1] = (before == digest or before == any_content) and 1 or 0
    end
  end
  if #seen > 1 then return seen end
end

-- Check: does each request keep within its limits?
local charge, levels
if limits then
  local refused
  refused, levels, charge = judged()
  if #refused > 0 then return {'refused', refused, levels} end
end

-- Count. The only check that needs the write itself is overflow: what was added until
-- then is taken back, the last first, and what was not there before goes. A sum of tokens does
-- not tell that by being 0, since events may have none; a number of events does, and the
-- index of days, which is not written yet.
local done = {}
local function add(hash, field, delta, new)
  local value = redis.pcall('HINCRBY', hash, field, delta)
  if type(value) == 'table' then return nil end
  if new == nil then new = value == tonumber(delta) end -- of a number of events
  done[#done + 1] = {hash, field, delta, new}
  return value, new
end
local function is_indexed(hash, day, tenant)
  return string.find('\n' .. (redis.call('HGET', hash, 'd\t' .. tenant) or ''), '\n' .. day .. '\n', 1, true)
end
local function undo()
  for i = #done, 1, -1 do
    local hash, field, delta, new = unpack(done[i])
    local day, tenant = string.match(field, '^s\t([^\t]*)\t(.*)$')
    if day then new = not is_indexed(hash, day, tenant) end
    if new then
      redis.call('HDEL', hash, field)
    elseif delta ~= '0' then
      redis.call('HINCRBY', hash, field, '-' .. delta)
    end
  end
end

local fresh, all_events = {}, 0
for i = 1, counters do
  local a = first_counter + (i - 1) * 7
  local hash, minute, day, tenant = KEYS[fixed_keys + ARGV[a]], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3]
  local feature, tokens, events = ARGV[a + 4], ARGV[a + 5], ARGV[a + 6]
  local name = day .. '\t' .. tenant .. '\t' .. feature
  local count, new = add(hash, 'e\t' .. name, events)
  local ok = count and add(hash, 't\t' .. name, tokens, new) and add(hash, 's\t' .. day .. '\t' .. tenant, tokens, false)
  if ok and minute ~= '' then
    local at = minute .. '\t' .. tenant .. '\t' .. feature
    local of_minute, first = add(hash, 'E\t' .. at, events)
    ok = of_minute and add(hash, 'T\t' .. at, tokens, first)
  end
  if not ok then
    undo()
    return {'overflow', i}
  end
  if new then fresh[#fresh + 1] = a end
  all_events = all_events + tonumber(events)
end

-- Index the counters that did not exist before, so that readers find a tenant's.
for _, a in ipairs(fresh) do
  local hash, day, tenant, feature = KEYS[fixed_keys + ARGV[a]], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  local features = redis.call('HGET', hash, 'f\t' .. tenant) or ''
  redis.call('HSET', hash, 'f\t' .. tenant, features .. day .. '\t' .. feature .. '\n')
  local days = redis.call('HGET', hash, 'd\t' .. tenant) or ''
  if not string.find('\n' .. days, '\n' .. day .. '\n', 1, true) then
    redis.call('HSET', hash, 'd\t' .. tenant, days .. day .. '\n')
  end
end

-- Mark whose usage has grown. A tenant that is marked for this look already stays as it
-- is, which writes nothing to the append-only file.
local present, marked = redis.call('GET', look) or '0', nil
for a = first_counter, #ARGV, 7 do
  local tenant = ARGV[a + 3]
  if tenant ~= marked then redis.call('ZADD', changed, present, tenant) end
  marked = tenant
end
for i = 1, hashes do
  local minute = ARGV[fixed_args + i]
  if minute ~= '' then redis.call('ZADD', minutes, minute, minute) end
end

-- Store the events. A full list is sealed here, so that no batch outgrows the
-- flusher's memory however long Postgres is away.
redis.call('RPUSH', raw, lines)
if redis.call('INCRBY', rawbytes, #lines) >= batch_size then
  redis.call('RENAME', raw, batch)
  redis.call('DEL', rawbytes)
  redis.call('ZADD', sealed, redis.call('INCR', order), batch_id)
end
if #ids > 0 then
  open(#ids / id_size)
  for at = 1, #ids, id_size do put(struct.unpack(id_format, ids, at)) end
  close()
end
redis.call('INCRBY', accepted, string.format('%d', all_events))
redis.call('SET', group, number, 'PX', group_ttl)
if not limits then return {'ok', tonumber(at)} end
local largest = charge()
return {'ok', tonumber(at), levels, largest}
