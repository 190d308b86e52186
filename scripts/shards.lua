#!lua flags=allow-oom
-- Returns the number of shards that places the state, and notes it if none is noted.
--
-- KEYS[1] shards     integer: the number of shards
-- ARGV[1] number of shards of the caller, or '' to ask only
--
-- Returns the noted number, or the caller's if there was none; 0 if there is none and the caller
--   only asks. Cost: O(1).

local noted = redis.call('GET', KEYS[1])
if not noted and ARGV[1] ~= '' then
  noted = ARGV[1]
  redis.call('SET', KEYS[1], noted)
end
return tonumber(noted or 0)
