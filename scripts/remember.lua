#!lua flags=allow-oom
-- Puts event ids back that a Valkey which has lost writes may have forgotten. Those
-- it still knows stay as they are. Harmless when repeated.
--
-- KEYS[1] rewound
-- KEYS[2..] seen: one for each id
-- ARGV[1] id of the marker in KEYS[1]: nothing happens if it is gone or another one
-- ARGV[2..] for each id, ms to remember it
--
-- The digest of what an id was sent for cannot be had again; an empty one equals
-- every other. Returns the number of ids that were forgotten.
-- Cost: 1 command an id.

local marker = redis.call('GET', KEYS[1])
if not marker or string.sub(marker, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
local forgotten = 0
for i = 2, #KEYS do
  if redis.call('SET', KEYS[i], '', 'NX', 'PX', ARGV[i]) then forgotten = forgotten + 1 end
end
return forgotten
