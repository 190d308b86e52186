#!lua flags=allow-oom
-- Gives up a large request that stage.lua has stored parts of. Harmless once it is counted.
--
-- KEYS[1] staged  KEYS[2] raw:<id>  KEYS[3] sum:<id>  KEYS[4] request, see stage.lua
-- KEYS[5] holding  KEYS[6] request:judged, see judge.lua
-- ARGV[1] the pair  ARGV[2] the token
--
-- Returns 1 if it was in progress. Cost: O(1); UNLINK frees memory in the background.

if redis.call('GET', KEYS[4]) ~= 'open' then return 0 end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[6])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[2])
return 1
