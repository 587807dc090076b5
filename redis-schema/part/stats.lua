--@use key clock
-- Statistics of numbers, trunks and accounts: all time, a month, a day.
local stats = {}

-- The hashes that a call counts in, of the day that `ms` is in.
local function hashes(account, call, ms)
  local day = clock.day(ms)
  local month = string.sub(day, 1, 7)
  local list = { key.period(key.stats_all(account), day) }
  if call.tg ~= '' then
    local tg = key.stats_tg(account, call.tg)
    list[2], list[3], list[4] = tg, key.period(tg, month), key.period(tg, day)
  end
  if call.direction == 'in' then
    local did = key.stats_did(account, call.number)
    list[#list + 1] = did
    list[#list + 1] = key.period(did, month)
  end
  return list
end

local function count_failed(hash, code)
  local was = redis.call('HMGET', hash, 'processed', code)
  redis.call('HSET', hash, 'processed', (was[1] or 0) + 1, code, (was[2] or 0) + 1)
end

local function count_answered(hash, code, cdr)
  local was = redis.call('HMGET', hash, 'processed', code, 'completed', 'ms', 'billed', 'amount')
  redis.call('HSET', hash, 'processed', (was[1] or 0) + 1, code, (was[2] or 0) + 1,
    'completed', (was[3] or 0) + 1, 'ms', (was[4] or 0) + cdr.ms, 'billed', (was[5] or 0) + cdr.billed,
    'amount', (was[6] or 0) + cdr.amount)
end

-- Counts a call that has ended.
function stats.add(account, cdr)
  local code = 'code:' .. cdr.code
  local count = cdr.answer_ms > 0 and count_answered or count_failed
  for _, hash in ipairs(hashes(account, cdr, cdr.end_ms)) do count(hash, code, cdr) end
end

-- From the shortest period to the longest: the peak of a longer one is never lower, so the first that
-- is high enough ends the walk.
local function raise(value, ...)
  for i = 1, select('#', ...) do
    local hash = select(i, ...)
    local peak = redis.call('HGET', hash, 'peak')
    if peak and tonumber(peak) >= value then return end
    redis.call('HSET', hash, 'peak', value)
  end
end

-- Raises the peaks to the calls that are live now.
function stats.raise(account, call, ms, busy)
  local day = clock.day(ms)
  local month = string.sub(day, 1, 7)
  local tg = key.stats_tg(account, call.tg)
  raise(busy.all, key.period(key.stats_all(account), day))
  raise(busy.tg, key.period(tg, day), key.period(tg, month), tg)
  if call.direction == 'in' then
    local did = key.stats_did(account, call.number)
    raise(busy.did, key.period(did, month), did)
  end
end
