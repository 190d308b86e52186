#!lua flags=allow-oom
-- Puts back event ids that a Valkey which has lost writes may have forgotten. Harmless when
-- repeated. Uses seen.lua, which Go puts before it.
--
-- KEYS[1] rewound
-- KEYS[2] slices  list: the slices of remembered ids; their buckets: see seen.lua
--
-- ARGV[1] id of the marker in KEYS[1]: nothing happens if it is gone or another one
-- ARGV[2] prefix of the buckets
-- ARGV[3] window in ms
-- ARGV[4] N ids of 20 bytes, see seen.lua
-- ARGV[5] prefix of the keys of large requests
--
-- An id that is still known keeps its digest and is remembered again for the whole window. Returns
-- the number of ids that were forgotten. Cost: 5 commands an id.

local rewound, slices, marker, ids = KEYS[1], KEYS[2], ARGV[1], ARGV[4]
local noticed = redis.call('GET', rewound)
if not noticed or string.sub(noticed, 1, #marker + 1) ~= marker .. ' ' then return 0 end

local find, open, put, close = remembered({
  slices = slices, prefix = ARGV[2], window = tonumber(ARGV[3]), request = ARGV[5]})
local forgotten = 0
open(#ids / id_size)
for at = 1, #ids, id_size do
  local bucket, field, digest = struct.unpack(id_format, ids, at)
  local before = find(bucket, field)
  if not before then forgotten = forgotten + 1 end
  put(bucket, field, before or digest)
end
close()
return forgotten
