#!lua flags=allow-oom
-- Puts back features of a tenant that a Valkey which has lost writes may have forgotten. Harmless
-- when repeated.
--
-- KEYS[1] rewound
-- KEYS[2] features of the tenant, see limits.lua
--
-- ARGV[1] id of the marker in KEYS[1]: nothing happens if it is gone or another one
-- ARGV[2] ms to keep KEYS[2]
-- then, for each feature, 2 values: feature, UTC day of its last use
--
-- If a later day is known, it stays. Returns the number of features that were forgotten. Cost: 2
-- commands a feature.

local rewound, features, marker = KEYS[1], KEYS[2], ARGV[1]
local noticed = redis.call('GET', rewound)
if not noticed or string.sub(noticed, 1, #marker + 1) ~= marker .. ' ' then return 0 end

local forgotten = 0
for i = 3, #ARGV, 2 do
  local day = tonumber(redis.call('HGET', features, ARGV[i]) or -1)
  if day < 0 then forgotten = forgotten + 1 end
  if day < tonumber(ARGV[i + 1]) then redis.call('HSET', features, ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', features, ARGV[2])
return forgotten
