#!lua flags=allow-oom
-- Notes that Postgres was restored from a backup, and so is older than this shard. From then on
-- nothing is accepted or sealed until a flusher has recovered. May be repeated, and replaces
-- another marker.
--
-- KEYS[1] rewound  KEYS[2] seq  KEYS[3] flushed  KEYS[4] sealed:raw
-- ARGV[1] new id, a UUID of version 7  ARGV[2] the largest seq in the restored ledger
-- ARGV[3] what was noticed
--
-- Returns {seq, flushed, raws}: the shard's seq, how many events have left it for Postgres, and the
-- ids of the raw batches that wait. Cost: O(batches).

local rewound, seq, flushed, sealed_raw = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
redis.call('SET', rewound, ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
return {tonumber(redis.call('GET', seq) or 0), tonumber(redis.call('GET', flushed) or 0),
  redis.call('ZRANGE', sealed_raw, 0, -1)}
