--@use key clock reply
-- Statistics of numbers, trunks and accounts. A call is counted once, in the shortest period that each of them has: a
-- trunk's and the account's day, a number's month. When the next such period opens, the one before is closed: what
-- it holds is added to the longer ones, a trunk's month and all time. A total is therefore what the longer period
-- holds and what the open one does.
local stats, int = {}, reply.int

stats.SUMS = { 'processed', 'completed', 'ms', 'billed', 'peak', 'amount' }

-- The hashes of the periods that are longer than a day, or a month.
local function longer(base, period)
  if #period == 10 then return { key.period(base, string.sub(period, 1, 7)), base } end
  return { base }
end

local function raise(hash, value)
  local peak = redis.call('HGET', hash, 'peak')
  if not peak or tonumber(peak) < value then redis.call('HSET', hash, 'peak', value) end
end

-- Adds field, count… to the longer periods.
local function add_longer(base, period, counts)
  for _, hash in ipairs(longer(base, period)) do
    for i = 1, #counts, 2 do
      if counts[i] == 'peak' then
        raise(hash, tonumber(counts[i + 1]))
      elseif counts[i] ~= 'state' then
        redis.call('HINCRBY', hash, counts[i], counts[i + 1])
      end
    end
  end
end

-- The state of a period that is counted in for the first time: `open`, and the one that was open is closed; or
-- `closed`, when a later one is open already.
local function begin(base, period)
  local last = redis.call('HGET', base, 'open')
  local state = last and last > period and 'closed' or 'open'
  redis.call('HSET', key.period(base, period), 'state', state)
  if state == 'closed' then return state end
  if last then
    add_longer(base, last, redis.call('HGETALL', key.period(base, last)))
    redis.call('HSET', key.period(base, last), 'state', 'closed')
  end
  redis.call('HSET', base, 'open', period)
  return state
end

-- Each counts a call in a hash and returns the hash's state.
local function put_failed(hash, code)
  local was = redis.call('HMGET', hash, 'state', 'processed', code)
  redis.call('HSET', hash, 'processed', int((was[2] or 0) + 1), code, int((was[3] or 0) + 1))
  return was[1]
end

local function put_answered(hash, code, cdr)
  local was = redis.call('HMGET', hash, 'state', 'processed', code, 'completed', 'ms', 'billed', 'amount')
  redis.call('HSET', hash, 'processed', int((was[2] or 0) + 1), code, int((was[3] or 0) + 1),
    'completed', int((was[4] or 0) + 1), 'ms', int((was[5] or 0) + cdr.ms),
    'billed', int((was[6] or 0) + cdr.billed), 'amount', int((was[7] or 0) + cdr.amount))
  return was[1]
end

local function count(base, period, put, code, cdr)
  local state = put(key.period(base, period), code, cdr) or begin(base, period)
  if state == 'open' then return end
  local counts = { 'processed', 1, code, 1 }
  if put == put_answered then
    counts = { 'processed', 1, code, 1, 'completed', 1, 'ms', cdr.ms, 'billed', cdr.billed, 'amount', cdr.amount }
  end
  add_longer(base, period, counts)
end

-- Counts a call that has ended.
function stats.add(account, cdr)
  local code, day = 'code:' .. cdr.code, clock.day(cdr.end_ms)
  local put = cdr.answer_ms > 0 and put_answered or put_failed
  put(key.period(key.stats_all(account), day), code, cdr)
  if cdr.tg ~= '' then count(key.stats_tg(account, cdr.tg), day, put, code, cdr) end
  if cdr.direction == 'in' then
    count(key.stats_did(account, cdr.number), string.sub(day, 1, 7), put, code, cdr)
  end
end

local function raise_period(base, period, value)
  local hash = key.period(base, period)
  local was = redis.call('HMGET', hash, 'state', 'peak')
  if was[2] and tonumber(was[2]) >= value then return end
  redis.call('HSET', hash, 'peak', value)
  if (was[1] or begin(base, period)) == 'closed' then add_longer(base, period, { 'peak', value }) end
end

-- Raises the peaks to the calls that are live at `ms`.
function stats.raise(account, call, ms, busy)
  local day = clock.day(ms)
  raise(key.period(key.stats_all(account), day), busy.all)
  raise_period(key.stats_tg(account, call.tg), day, busy.tg)
  if call.direction == 'in' then
    raise_period(key.stats_did(account, call.number), string.sub(day, 1, 7), busy.did)
  end
end

local function read_into(sums, hash)
  local values = redis.call('HMGET', hash, unpack(stats.SUMS))
  for i, name in ipairs(stats.SUMS) do
    local value = tonumber(values[i]) or 0
    sums[name] = name == 'peak' and math.max(sums.peak or 0, value) or (sums[name] or 0) + value
  end
end

-- The sums (by their names, numbers) of a number or a trunk in a month, or of all time when `month` is nil.
function stats.read(base, month)
  local hash, open, sums = month and key.period(base, month) or base, redis.call('HGET', base, 'open'), {}
  read_into(sums, hash)
  if open and key.period(base, open) ~= hash and (not month or string.sub(open, 1, 7) == month) then
    read_into(sums, key.period(base, open))
  end
  return sums
end
