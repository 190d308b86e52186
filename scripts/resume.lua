#!lua flags=allow-oom
-- Ends a recovery: from then on events are accepted and sealed again.
--
-- KEYS[1] rewound  KEYS[2] seq  KEYS[3] reads
-- ARGV[1] id of the marker in KEYS[1]: nothing happens if it is gone or another one
-- ARGV[2] the new seq, at least 2^32 above every earlier one: that identifies hand-outs, groups
--         and views from before the recovery
-- ARGV[3] form of lines that the caller reads
--
-- Returns 1 if it ended one, 0 if there was nothing to end.

local marker = redis.call('GET', KEYS[1])
if not marker or string.sub(marker, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('SET', KEYS[3], ARGV[2] .. ' ' .. ARGV[3])
redis.call('DEL', KEYS[1])
return 1
