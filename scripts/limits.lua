-- The limits of a group's requests: rates of events, quotas of tokens, numbers of features. Go puts
-- this file before ingest.lua and judge.lua; it does nothing on its own. Uses position.lua and
-- counters.lua.
--
-- limits is a table, made of JSON:
--   rates     {{key, rate, burst}, ...}: events a second (1 to 10^6), events (1 to 10^9)
--   quotas    {{tenant, first day, day after the last, settled, quota}, ...}: tokens
--   view      {seq =, missing_from =, minute = prefix, sum = prefix, request = prefix,
--             settled = {id, ...}}: what the caller knows from Postgres, see usage.lua;
--             missing_from is the order of the first sum batch that the view may lack
--   features  {{key, feature, search}, ...}: those that are new to the caller; search is 0 if
--             the caller recently learned that the tenant has no room, else 1
--   most      features that a tenant may have
--   requests  {{rates = {i, events, ...}, quotas = {i, room, tokens, ...},
--             features = {i, ...}}, ...}
-- where i is a place in the list of that name, and room the tokens that must be left of the
-- quota before the request. Tokens are decimal strings. Absent lists are empty.
--
-- Rates. A bucket is "<level> <at>": its level, in millionths of an event, at a time of Valkey's
-- clock, in us. It drains at its rate, and accepts events as long as they do not raise its level
-- above its burst. This is GCRA as a leaky bucket: its theoretical arrival time is at + level /
-- rate. All numbers are integers below 2^53, so there is no rounding. If the clock jumps back, the
-- bucket drains from then on. A changed rate or burst applies at once.
--
-- Quotas. The tokens in settled plus those in Valkey that the view lacks are what a tenant has
-- used, exactly, as long as no batch that the view lacks has been dropped (package usage has the
-- argument).
--
-- A large request that is judged part by part holds its tokens of quotas before it is counted
-- (judge.lua). If a request has room only if such a request is given up, it is neither accepted nor
-- refused: the client must try again.
--
-- Features. A hash has, for each feature of a tenant, the UTC day on which it was last new to an
-- ingest process. It forgets features that were not used for longer than feature_days
-- (features.go).
--
-- This script does not charge a refused request, because it then writes nothing: the process that
-- refuses it does (ingest/commit/limiter.go).
--
-- Cost, in addition to that of the call: 2 commands a rate; 2 lookups a quota and hash of counters,
-- and one for each large request that holds tokens; 2 lookups a feature and 3 commands a tenant of
-- features. Searching a tenant without room for features that it can forget reads all its features.
-- ingest/commit/cost.go has the figures.

local micro = 1000000
local day_us = 86400 * 1000000

-- limiting returns functions that judge the requests of a group, in this order:
--   rates()       whether rates refuse a request
--   others(keys)  whether quotas or numbers of features refuse one; keys are those of minutes,
--                 late, sealed_sum, settled, dropped and holding
-- Both judge the requests in their order, each as if the accepted ones before it were counted, and
-- return whether one is refused. They write nothing.
--   refused       {request, reason, i, value, ...}, each request once: 'rate' and the us to
--                 wait, 'quota' and the tokens used, 'held' if it depends on a large request,
--                 'features' and their number, 'view' if the usage cannot be determined
--   levels()      of the buckets, as they are after the call, in millionths of an event
--   charge()      writes what all requests take; call it only if none is refused; returns the
--                 largest number of features
local function limiting(limits, seq)
  local call, format = redis.call, string.format
  local time = call('TIME')
  local now = time[1] * micro + time[2]
  local rates, quotas, features = limits.rates or {}, limits.quotas or {}, limits.features or {}
  local refused, level, before, sets = {}, {}, {}, {}
  local today, has, gone = math.floor(now / day_us), {}, {}

  for i, r in ipairs(rates) do
    local key, rate, burst = r[1], r[2], r[3]
    local was, at = string.match(call('GET', key) or '', '^(%d+) (%d+)$')
    local left = was and tonumber(was) - math.max(0, now - tonumber(at)) * rate or 0
    level[i] = math.max(0, math.min(left, burst * micro))
    before[i] = level[i]
  end

  local function refuse(...)
    for _, value in ipairs({...}) do refused[#refused + 1] = value end
  end

  local function judge_rates()
    for n, request in ipairs(limits.requests) do
      local costs, which, wait = request.rates or {}, nil, 0
      for c = 1, #costs, 2 do
        local rate, burst = rates[costs[c]][2], rates[costs[c]][3]
        local over = math.ceil((level[costs[c]] + costs[c + 1] * micro - burst * micro) / rate)
        if over > wait then which, wait = costs[c], over end
      end
      if which then
        refuse(n, 'rate', which, format('%.0f', wait))
      else
        for c = 1, #costs, 2 do level[costs[c]] = level[costs[c]] + costs[c + 1] * micro end
      end
    end
    return #refused > 0
  end

  -- An amount of tokens is {high, low}, see counters.lua, with a low that is carried.
  local function add(n, high, low) return {carried(n[1] + high, n[2] + low)} end
  local function plus(n, tokens) return add(n, split(tokens)) end
  local function exceeds(n, tokens)
    local high, low = carried(split(tokens))
    return n[1] > high or n[1] == high and n[2] > low
  end

  -- used_now returns what each quota's tenant has used, or nil if the view is too old for that.
  local function used_now(keys)
    local view, hashes, leave_out, used = limits.view, {keys.late}, {}, {}
    local dropped = tonumber(call('GET', keys.dropped) or 0)
    if recovered_since(seq, view.seq) or dropped >= view.missing_from then return nil end
    for _, id in ipairs(view.settled or {}) do leave_out[id] = true end
    for _, minute in ipairs(call('ZRANGE', keys.minutes, 0, -1)) do
      hashes[#hashes + 1] = view.minute .. minute
    end
    for _, zset in ipairs({keys.sealed_sum, keys.settled}) do
      for _, id in ipairs(call('ZRANGE', zset, 0, -1)) do
        if not leave_out[id] then hashes[#hashes + 1] = view.sum .. id end
      end
    end
    local names, first, after = {}, {}, {}
    for i, q in ipairs(quotas) do
      names[i], first[i], after[i], used[i] = q[1], q[2], q[3], plus({0, 0}, q[4])
    end
    local read = totals(names, first, after)
    local function count(i, _, t, tokens)
      if t == tokens_total then used[i] = plus(used[i], tokens) end
    end
    for _, hash in ipairs(hashes) do read(hash, count) end
    return used
  end

  -- held_now returns what large requests in progress hold of each quota, nil for nothing.
  local function held_now(keys)
    local held, fields = {}, {}
    gone.key = keys.holding
    for _, token in ipairs(call('ZRANGE', keys.holding, 0, -1)) do
      local request = limits.view.request .. token
      if call('GET', request) == 'open' then
        for i, q in ipairs(quotas) do fields[i] = 'q\t' .. q[1] end
        get(request .. ':judged', fields, function(i, tokens)
          held[i] = plus(held[i] or {0, 0}, tokens)
        end)
      else
        gone[#gone + 1] = token
      end
    end
    return held
  end

  -- read_features fills sets with the features of each tenant that has new ones: their number,
  -- which of the features it has, and what it can forget.
  local function read_features()
    for i, f in ipairs(features) do
      local set = sets[f[1]]
      if not set then
        set = {count = call('HLEN', f[1]), search = f[3] == 1, forget = {}, asked = {},
          names = {}, at = {}}
        sets[f[1]] = set
      end
      set.asked[f[2]] = true
      set.names[#set.names + 1], set.at[#set.at + 1] = f[2], i
    end
    for key, set in pairs(sets) do
      get(key, set.names, function(n) has[set.at[n]] = true end)
    end
  end
  -- forget makes room among the features of a tenant, unless the caller has tried recently.
  local function forget(key, set)
    if not set.search then return end
    set.search = false
    local all = call('HGETALL', key)
    for a = 1, #all, 2 do
      if tonumber(all[a + 1]) < today - feature_days and not set.asked[all[a]] then
        set.forget[#set.forget + 1] = all[a]
      end
    end
    set.count = set.count - #set.forget
  end

  -- take counts the features of a request, or returns the first feature for which there is no room.
  local function take(news)
    local added = {}
    for _, i in ipairs(news) do
      local key = features[i][1]
      local set = sets[key]
      if not has[i] then
        if set.count >= limits.most then forget(key, set) end
        if set.count >= limits.most then
          for _, a in ipairs(added) do
            has[a], sets[features[a][1]].count = false, sets[features[a][1]].count - 1
          end
          return i
        end
        has[i], set.count = true, set.count + 1
        added[#added + 1] = i
      end
    end
  end

  local function judge_others(keys)
    local used = #quotas > 0 and used_now(keys)
    local held = used and held_now(keys)
    read_features()
    for n, request in ipairs(limits.requests) do
      local needs, spent, waits, full = request.quotas or {}, nil, nil, nil
      for c = 1, used and #needs or 0, 3 do
        local i = needs[c]
        local before, quota = plus(used[i], needs[c + 1]), quotas[i][5]
        if exceeds(before, quota) then
          spent = spent or i
        elseif held[i] and exceeds(add(before, held[i][1], held[i][2]), quota) then
          waits = waits or i
        end
      end
      if #needs > 0 and not used then
        refuse(n, 'view', 0, '')
      elseif spent then
        refuse(n, 'quota', spent, joined(unpack(used[spent])))
      elseif waits then
        refuse(n, 'held', waits, '')
      else
        full = take(request.features or {})
        if full then
          refuse(n, 'features', full, format('%.0f', sets[features[full][1]].count))
        else
          for c = 1, #needs, 3 do used[needs[c]] = plus(used[needs[c]], needs[c + 2]) end
        end
      end
    end
    return #refused > 0
  end

  local function levels()
    local texts, now_at = {}, #refused > 0 and before or level
    for i = 1, #rates do texts[i] = format('%.0f', now_at[i]) end
    return texts
  end

  local function charge()
    for i, r in ipairs(rates) do
      local empty = math.ceil(level[i] / r[2] / 1000)
      if empty > 0 then call('SET', r[1], format('%.0f %.0f', level[i], now), 'PX', empty) end
    end
    local largest = 0
    if #gone > 0 then call('ZREM', gone.key, unpack(gone, 1, math.min(#gone, most_values))) end
    for key, set in pairs(sets) do
      for from = 1, #set.names, most_values do
        local days = {}
        for n = from, math.min(from + most_values - 1, #set.names) do
          days[#days + 1], days[#days + 2] = set.names[n], today
        end
        call('HSET', key, unpack(days))
      end
      for from = 1, #set.forget, most_values do
        call('HDEL', key, unpack(set.forget, from, math.min(from + most_values - 1, #set.forget)))
      end
      call('EXPIRE', key, (feature_days + 1) * 86400)
      largest = math.max(largest, set.count)
    end
    return largest
  end

  return {refused = refused, levels = levels, rates = judge_rates, others = judge_others,
    charge = charge}
end
