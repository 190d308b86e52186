#!lua flags=allow-oom
-- Deletes settled sum batches. Counts in seq: a reader whose view no longer names a
-- batch must notice if Valkey comes back with it.
--
-- KEYS[1] settled  KEYS[2] seq
-- ARGV[1] prefix of sum:<id>  ARGV[2..] ids
--
-- Returns seq. Cost: O(log n) a batch; UNLINK frees memory in the background.

for i = 2, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('UNLINK', ARGV[1] .. ARGV[i])
end
return redis.call('INCR', KEYS[2])
