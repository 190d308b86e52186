-- How far a shard has come (package ledger, Position), and whether Valkey has lost writes. The
-- scripts that must not work on data older than their caller's share this file. It does nothing on
-- its own.

local epoch = 4294967296 -- by which a recovery moves a position

-- recovered_since reports whether a recovery lies between an earlier position and at.
local function recovered_since(at, earlier) return at >= earlier + epoch end

-- rewound_error is what a script returns while lost writes have been noticed.
local function rewound_error() return redis.error_reply('REWOUND valkey has lost writes') end

-- misfit returns the error REWOUND if a view at the position known cannot be combined with the
-- shard: Valkey is behind the view, has been recovered since, or waits for a recovery. seq and
-- rewound are the keys of those names.
local function misfit(seq, rewound, known)
  local at = tonumber(redis.call('GET', seq) or 0)
  if at < known or recovered_since(at, known) or redis.call('EXISTS', rewound) == 1 then
    return rewound_error()
  end
end

-- noticed returns the error REWOUND if writes are lost: because of the given reason, which it notes
-- under an id with the caller's high water, or because another caller has noted a loss before.
local function noticed(rewound, id, high_water, reason)
  if reason then redis.call('SET', rewound, id .. ' ' .. high_water .. ' ' .. reason, 'NX') end
  if redis.call('EXISTS', rewound) == 1 then return rewound_error() end
end
