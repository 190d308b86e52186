#!lua flags=allow-oom
-- Closes a shard before the number of shards changes, if nothing in it waits for Postgres. From
-- then on it accepts nothing. May be repeated.
--
-- KEYS[1] rewound  KEYS[2] seq  KEYS[3] raw  KEYS[4] minutes  KEYS[5] late
-- KEYS[6] sealed:raw  KEYS[7] sealed:sum
-- ARGV[1] new id, a UUID of version 7  ARGV[2] the largest seq in the ledger  ARGV[3] the reason
--
-- Returns {1, seq} if the shard is closed; {0, seq} if something waits or another recovery is in
-- progress: then nothing is written. Cost: O(1).

local rewound, seq = KEYS[1], tonumber(redis.call('GET', KEYS[2]) or 0)
if redis.call('EXISTS', KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]) > 0 then return {0, seq} end
local marker = redis.call('GET', rewound)
if marker and string.sub(marker, -#ARGV[3]) ~= ARGV[3] then return {0, seq} end
redis.call('SET', rewound, ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
return {1, seq}
