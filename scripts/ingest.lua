#!lua
-- Applies one group of events, all or nothing. A group is either small enough for one call, or a
-- single request whose events stage.lua has stored in batches that no reader sees yet; this call
-- seals them. Uses position.lua, counters.lua, counting.lua, seen.lua and limits.lua, which Go puts
-- before it.
--
-- KEYS[1] raw        list: receives the lines
-- KEYS[2] rawbytes   integer: size of raw
-- KEYS[3] group      integer: number of this committer's last applied group
-- KEYS[4] seq        integer: grows with every hand-out
-- KEYS[5] sealed:raw zset: raw batches that wait for Postgres
-- KEYS[6] raw:<id>   list: what raw becomes if this group fills it; or the staged raw batch
-- KEYS[7] minutes    zset: open minutes
-- KEYS[8] order      integer: grows with every sealed batch
-- KEYS[9] rewound    string: exists from the detection of lost writes to the end of the recovery
-- KEYS[10] slices    list: the slices of remembered ids; their buckets: see seen.lua
-- KEYS[11] accepted  integer: events counted since the shard was created
-- KEYS[12] changed   zset: tenants whose usage has grown, by the read that will find it
-- KEYS[13] look      integer: number of the present read of changed
-- KEYS[14] staged    zset: pairs of staged batches
-- KEYS[15] sealed:sum zset: sum batches that wait for Postgres
-- KEYS[16] reads     string: what lines the flusher that worked last reads
-- KEYS[17] holding   zset: large requests that hold a part of a quota, see judge.lua
-- KEYS[18 .. 17+H]   hashes the counters go to: minutes, late
-- then, only with limits: late, settled, dropped
--
-- ARGV[1] number of this group: greater than that of every group this committer sent before
-- ARGV[2] ms to keep KEYS[3]
-- ARGV[3] the lines; '' if the group consists of ids only
-- ARGV[4] size in bytes from which raw is sealed at once
-- ARGV[5] batch id of KEYS[6]
-- ARGV[6] ms to remember an event id
-- ARGV[7] prefix of the buckets of ids
-- ARGV[8] N ids of 20 bytes, see seen.lua; each at most once
-- ARGV[9] prefix of the keys of large requests
-- ARGV[10] high water: the largest seq that the caller knows of
-- ARGV[11] number of the last group that this committer knows to be applied, 0 if none
-- ARGV[12] seq when it was applied
-- ARGV[13] limits of the requests in the group, JSON as limits.lua says, or ''
-- ARGV[14] number of events
-- ARGV[15] batch id of the staged sum batch, '' if nothing is staged
-- ARGV[16] "<parts> <parts> <token>" of what is staged: in how many parts it was staged, in how
--          many it was judged (0 if ARGV[13] judges it now), and its token
-- ARGV[17] T  ARGV[18] H  ARGV[19] form of the lines, 0 if every flusher reads them
-- then T tenants, each once
-- then for each hash the unix minute ('' for late), and its number F of counters
-- then for each hash the names of its counters, F fields, and then their F amounts
--
-- Returns {'ok', seq, levels, largest} if the group is applied, now or by an earlier call;
--                levels are those of the limits' buckets; largest is the number of features of
--                the tenant with new features that has most, 0 if an earlier call applied the
--                group; both are absent without limits;
--         {'seen', i, same, ...} pairs: the i-th id (1..N) was seen before, with the same
--                content (1) or another one (0), or is in a large request in progress (2);
--                nothing is written;
--         {'refused', refused, levels} requests exceed their limits, see limits.lua;
--                nothing is written;
--         {'overflow', h, i} the i-th counter of hash h would exceed 2^63-1; nothing is written;
--         {'unread'} a flusher that may not read the lines has worked last; nothing is written;
--         {'unstaged'} what was staged is not there, or not whole; nothing is written;
--         {'old'} a later group of this committer is applied; nothing is written;
--         error REWOUND: Valkey has lost writes that the caller knows of, or another caller
--                has noticed that before; nothing but KEYS[9] is written.
-- Cost: linear in counters, ids, tenants and bytes; package scripts bounds them (cost.go).

local raw, rawbytes, group, seq, sealed_raw = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local batch, minutes, order, rewound, slices = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local accepted, changed, look, staged, sealed_sum = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]
local reads, holding, fixed_keys, fixed_args = KEYS[16], KEYS[17], 17, 19
local number, group_ttl, lines, batch_size = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local batch_id, window, bucket_prefix, ids = ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
local request_prefix = ARGV[9]
local high_water, known, known_seq = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12])
local limits = ARGV[13] ~= '' and cjson.decode(ARGV[13])
local events, sum_id = ARGV[14], ARGV[15]
local parts, judged, token = string.match(ARGV[16], '^(%d+) (%d+) (%S+)$')
local tenants, hashes, form = tonumber(ARGV[17]), tonumber(ARGV[18]), tonumber(ARGV[19])
local first_hash = fixed_args + tenants + 1
local first_counter = first_hash + 2 * hashes

-- Check: was it applied before?
local last = tonumber(redis.call('GET', group) or -1)
local at = redis.call('GET', seq) or '0'
local limiter = limits and limiting(limits, tonumber(at))
if last == tonumber(number) then
  if not limits then return {'ok', tonumber(at)} end
  return {'ok', tonumber(at), limiter.levels(), 0} -- levels include what the earlier call took
end

-- Check: is everything that the caller knows of still there? Groups from before a recovery need not
-- be there.
local lost
if tonumber(at) < tonumber(high_water) then
  lost = 'seq is ' .. at .. ' and was ' .. high_water
elseif known > 0 and last < known and not recovered_since(tonumber(at), known_seq) then
  lost = 'the last group of a committer is ' .. last .. ' and was ' .. known
end
local loss = noticed(rewound, batch_id, high_water, lost)
if loss then return loss end
if last > tonumber(number) then return {'old'} end

-- Check: does the flusher that worked last read the lines?
if form > 0 then
  local left, read = string.match(redis.call('GET', reads) or '', '^(%d+) (%d+)$')
  if left ~= at or tonumber(read) < form then return {'unread'} end
end

-- Check: is what was staged still there?
if sum_id ~= '' then
  local state, stored = redis.call('GET', request_prefix .. token), redis.call('LLEN', batch)
  local verdicts = '0'
  if judged ~= '0' then
    verdicts = redis.call('HGET', request_prefix .. token .. ':judged', 'n')
  end
  if state ~= 'open' or stored ~= tonumber(parts) or verdicts ~= judged then return {'unstaged'} end
end

-- Check: do rates allow the requests? This check comes first, because it spares the lookup of ids.
if limits and limiter.rates() then return {'refused', limiter.refused, limiter.levels()} end

-- Check: are all ids new?
local find, open, put, close
if #ids > 0 then
  find, open, put, close = remembered({
    slices = slices, prefix = bucket_prefix, window = window, request = request_prefix})
  local seen = seen_among(ids, find, {'seen'})
  if #seen > 1 then return seen end
end

-- Check: do quotas and numbers of features allow the requests?
if limits then
  local k = fixed_keys + hashes
  local refused = limiter.others({minutes = minutes, sealed_sum = sealed_sum,
    late = KEYS[k + 1], settled = KEYS[k + 2], dropped = KEYS[k + 3], holding = holding})
  if refused then return {'refused', limiter.refused, limiter.levels()} end
end

-- Check: do the counters have room?
local count, write = counting()
local first = first_counter
for h = 1, hashes do
  local fields = tonumber(ARGV[first_hash + 2 * h - 1])
  local over = count(KEYS[fixed_keys + h], first, fields)
  if over then return {'overflow', h, over} end
  first = first + 2 * fields
end

-- Count, and mark the tenants whose usage has grown. A tenant that is already marked for this read
-- is unchanged, which writes nothing to the append-only file.
write()
for h = 1, hashes do
  local minute = ARGV[first_hash + 2 * h - 2]
  if minute ~= '' then redis.call('ZADD', minutes, minute, minute) end
end
local present = redis.call('GET', look) or '0'
for from = fixed_args + 1, fixed_args + tenants, most_values do
  local marks = {}
  for t = from, math.min(from + most_values - 1, fixed_args + tenants) do
    marks[#marks + 1], marks[#marks + 2] = present, ARGV[t]
  end
  redis.call('ZADD', changed, unpack(marks))
end

-- Store the events. A full list is sealed here, so that no batch outgrows the flusher's memory
-- however long Postgres is down. Staged batches are sealed as they are, the raw one first, because
-- a sum must never reach Postgres before the events that it counts.
if sum_id ~= '' then
  redis.call('ZREM', staged, batch_id .. ' ' .. sum_id)
  local longer_than_ids = 2 * window + 60000
  redis.call('SET', request_prefix .. token, 'counted', 'PX', longer_than_ids)
  if judged ~= '0' then
    redis.call('UNLINK', request_prefix .. token .. ':judged')
    redis.call('ZREM', holding, token)
  end
  redis.call('ZADD', sealed_raw, redis.call('INCR', order), batch_id)
  redis.call('ZADD', sealed_sum, redis.call('INCR', order), sum_id)
elseif lines ~= '' then
  redis.call('RPUSH', raw, lines)
  if redis.call('INCRBY', rawbytes, #lines) >= batch_size then
    redis.call('RENAME', raw, batch)
    redis.call('DEL', rawbytes)
    redis.call('ZADD', sealed_raw, redis.call('INCR', order), batch_id)
  end
end
if #ids > 0 then remember(ids, open, put, close, '') end
redis.call('INCRBY', accepted, events)
redis.call('SET', group, number, 'PX', group_ttl)
if not limits then return {'ok', tonumber(at)} end
local largest = limiter.charge()
return {'ok', tonumber(at), limiter.levels(), largest}
