-- How far a shard has come (package ledger, Position), and whether Valkey has lost writes: what the
-- scripts share that must not work on data that are older than their caller. It does nothing by
-- itself.

local epoch = 4294967296 -- by which a recovery moves a position

-- recovered_since reports whether a recovery lies between an earlier position and at.
local function recovered_since(at, earlier) return at >= earlier + epoch end

-- rewound_error is what a script returns while lost writes have been noticed.
local function rewound_error() return redis.error_reply('REWOUND valkey has lost writes') end

-- misfit returns the error REWOUND if the shard is not one that a view at the position known can
-- be added to: Valkey is behind it, has been recovered since, or is to be recovered. seq and
-- rewound are the keys of those names.
local function misfit(seq, rewound, known)
  local at = tonumber(redis.call('GET', seq) or 0)
  if at < known or recovered_since(at, known) or redis.call('EXISTS', rewound) == 1 then
    return rewound_error()
  end
end

-- noticed returns the error REWOUND if writes are lost: for the reason given, which it notes under
-- an id with the caller's high water, or because somebody has noted it before.
local function noticed(rewound, id, high_water, reason)
  if reason then redis.call('SET', rewound, id .. ' ' .. high_water .. ' ' .. reason, 'NX') end
  if redis.call('EXISTS', rewound) == 1 then return rewound_error() end
end
