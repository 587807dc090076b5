#!lua name=trunkline_call
--@use door check clock key reply number rating ledger stats cdr live

local ONCE_MS = 120000
local CPS_WINDOW_MS = 1000
local TEXT, ATTEMPTS = 128, 200
local AGO_MAX_MS = 366 * 86400000

-- Reason word of a refusal → SIP code, text. The code of `sessions` is the caller's.
local REFUSALS = {
  inactive = { '404', 'Number not in service' },
  trunk = { '404', 'Trunk not in service' },
  account = { '403', 'Account not in service' },
  balance = { '402', 'Insufficient balance' },
  sessions = { '', 'Too many calls at once' },
  cps = { '503', 'Too many calls a second' },
  ended = { '487', 'Call has ended' },
}
local DIRECTIONS = { ['in'] = true, out = true }

local function cut(text, most)
  return string.sub(text, 1, most)
end

-- The arguments of call_admit as a call under construction; numbers in it are numbers.
local function read_admission(args)
  local c = {
    call = check.call(args[1]), direction = check.one_of(args[2], DIRECTIONS, 'direction'),
    node = cut(args[5], TEXT), boot = cut(args[6], TEXT), from = cut(args[7], TEXT), to = cut(args[8], TEXT),
    source = cut(args[9], TEXT), upstream = cut(args[10], TEXT), callid = cut(args[11], TEXT),
    cached = args[15] == '1', sessions_code = check.match(args[16], '^[4-6]%d%d$', 'SIP code'),
    limit_s = check.int(args[17], 1, 31622400, 'longest call'), cnam = '', tg = '', rate = 0, increment = 1,
    minimum = 0,
  }
  if c.direction == 'in' then
    c.number = check.number(args[3])
  else
    c.number, c.tg = check.match(args[3], '^%d+$', 'number'), check.id(args[4], 'trunk id')
    c.rate = check.int(args[12], 0, check.RATE_MAX, 'rate')
    c.increment = check.int(args[13], 1, 3600, 'increment')
    c.minimum = check.int(args[14], 0, 3600, 'minimum')
  end
  return c
end

-- Reads the called number's record into the call; whether it is active.
local function find_number(account, c)
  local record = redis.call('HGET', key.numbers(account), c.number)
  if not record then return false end
  local tg, status, _, category, _, _, _, _, _, cnam = number.unpack(record)
  c.tg, c.category, c.cnam = tg, category, cnam
  return status == '1'
end

local function find_trunk(account, c)
  local v = redis.call('HMGET', key.trunk(account, c.tg), 'kind', 'status', 'sessions', 'cps', 'billing',
    'primary_prefix', 'primary_host', 'primary_port', 'secondary_prefix', 'secondary_host', 'secondary_port',
    'forward')
  return { active = v[1] == c.direction and v[2] == '1', sessions = tonumber(v[3]), cps = tonumber(v[4]),
    metered = v[5] == 'Metered', primary = { 'primary', v[6] or '', v[7] or '', v[8] or '5060' },
    secondary = { 'secondary', v[9] or '', v[10] or '', v[11] or '5060' }, forward = v[12] or '' }
end

local function find_account(account)
  local v = redis.call('HMGET', account, 'status', 'balance', 'sessions', 'in_rate', 'tfn_rate', 'in_increment',
    'in_minimum')
  if not v[1] then return nil end
  return { active = v[1] == '1', balance = tonumber(v[2]), sessions = tonumber(v[3]), in_rate = tonumber(v[4]),
    tfn_rate = tonumber(v[5]), increment = tonumber(v[6]), minimum = tonumber(v[7]) }
end

-- Prices an incoming call by its trunk's billing and its number's category.
local function price_incoming(c, owner, trunk)
  if trunk.metered then
    c.rate = c.category == 'tollfree' and owner.tfn_rate or owner.in_rate
  end
  c.increment, c.minimum = owner.increment, owner.minimum
end

-- Cuts the call's longest duration to what the balance pays for; false when that is nothing.
local function afford(c, balance)
  if c.rate == 0 then return true end
  local seconds = rating.affordable(balance, c.rate, c.increment, c.minimum)
  c.limit_s = math.min(c.limit_s, seconds)
  return seconds > 0
end

local function over(limit, count)
  return limit ~= nil and count >= limit
end

-- Seconds to wait when the trunk's calls of the last 1000 ms are as many as its limit, else nil. Of a
-- list that is newest first, the one at the limit decides; a time to come (the clock went back) doesn't.
local function cps_wait(account, c, limit)
  if not limit then return nil end
  if limit == 0 then return 1 end
  local at = redis.call('LINDEX', key.cps(account, c.tg), limit - 1)
  local age = at and c.now - at
  if not age or age < 0 or age >= CPS_WINDOW_MS then return nil end
  return math.ceil((CPS_WINDOW_MS - age) / 1000)
end

local function take_cps(account, c, limit)
  if not limit then return end
  local name = key.cps(account, c.tg)
  redis.call('LPUSH', name, c.now)
  redis.call('LTRIM', name, 0, limit - 1)
  redis.call('PEXPIRE', name, 2 * CPS_WINDOW_MS)
end

-- The reason why a call may not be, and seconds to wait; nil when it may. Fills in price and limit.
local function verdict(account, c, owner, trunk)
  if not trunk.active then return 'trunk' end
  if not owner.active then return 'account' end
  if c.direction == 'in' then price_incoming(c, owner, trunk) end
  if not afford(c, owner.balance) then return 'balance' end
  c.busy = live.busy(account, c)
  if over(owner.sessions, c.busy.all) or over(trunk.sessions, c.busy.tg) then return 'sessions' end
  local wait = cps_wait(account, c, trunk.cps)
  if wait then return 'cps', wait end
  return nil
end

local function refusal(code, reason, wait)
  return { 'refused', code, reason, REFUSALS[reason][2], wait }
end

local function remember(account, id, code, reason, wait)
  redis.call('SET', key.once(account, id), code .. ' ' .. reason .. ' ' .. wait, 'PX', ONCE_MS)
end

-- Writes a refused call: counters, statistics, CDR and the reply for a repeat.
local function refuse(account, c, reason, wait)
  local code = reason == 'sessions' and c.sessions_code or REFUSALS[reason][1]
  wait = wait and reply.int(wait) or ''
  c.invite_ms, c.ring_ms, c.answer_ms, c.end_ms, c.ms = c.now, 0, 0, c.now, 0
  c.billed, c.amount, c.pdd_ms, c.estimated = 0, 0, 0, 0
  c.code, c.reason, c.by, c.target, c.attempts = code, reason, 'system', '', ''
  redis.call('HINCRBY', key.count(account), 'refused', 1)
  stats.add(account, c)
  cdr.append(account, c)
  remember(account, c.call, code, reason, wait)
  return refusal(code, reason, wait)
end

-- The targets of an incoming call, in the order to try: kind, prefix, host, port of each.
local function targets_of(c, trunk)
  local list = {}
  if c.direction == 'out' then return list end
  if trunk.primary[3] ~= '' then reply.append(list, trunk.primary) end
  if trunk.secondary[3] ~= '' then reply.append(list, trunk.secondary) end
  if trunk.forward ~= '' then reply.append(list, { 'forward', '', trunk.forward, '' }) end
  return list
end

local function admission(word, tg, limit_s, cnam, targets)
  return reply.append({ 'ok', word, tg, limit_s, cnam }, targets)
end

local function admit(account, c, trunk)
  local targets = targets_of(c, trunk)
  redis.call('HSET', key.call(account, c.call), 'direction', c.direction, 'tg', c.tg, 'number', c.number,
    'from', c.from, 'to', c.to, 'upstream', c.upstream, 'source', c.source, 'callid', c.callid,
    'node', c.node, 'boot', c.boot, 'invite_ms', c.now, 'rate', c.rate, 'increment', c.increment,
    'minimum', c.minimum, 'limit_s', c.limit_s, 'cnam', c.cnam, 'targets', table.concat(targets, '|'))
  redis.call('HINCRBY', key.count(account), 'admitted', 1)
  take_cps(account, c, trunk.cps)
  stats.raise(account, c, c.now, live.add(account, c, c.busy))
  return admission('new', c.tg, reply.int(c.limit_s), c.cnam, targets)
end

-- The reply to a call that is live, or was refused or ended lately; nil for a new one.
local function known_before(account, id)
  if redis.call('EXISTS', key.call(account, id), key.once(account, id)) == 0 then return nil end
  local v = redis.call('HMGET', key.call(account, id), 'tg', 'limit_s', 'cnam', 'targets')
  if not v[1] then
    return refusal(string.match(redis.call('GET', key.once(account, id)), '^(%d+) (%S+) (%d*)$'))
  end
  local targets = {}
  for part in string.gmatch(v[4] .. '|', '([^|]*)|') do targets[#targets + 1] = part end
  return admission('repeat', v[1], v[2], v[3], v[4] ~= '' and targets or {})
end

-- Admits a call: takes its session and writes its record, or refuses it and writes its CDR.
-- KEYS: {a:ACCT}
-- ARGV: 1 call id, 2 direction (in, out), 3 number, 4 tg (out) or empty, 5 node, 6 boot, 7 from, 8 to,
--   9 source, 10 upstream carrier, 11 SIP Call-ID, 12 rate 13 increment 14 minimum (out), 15 `1` if the route
--   came from a cache, 16 SIP code of a sessions refusal, 17 longest call in seconds
-- Reply: ok, `new` or `repeat`, tg, longest seconds, cnam, then for each target: kind, prefix, host, port
-- Refusals: refused, SIP code, reason, text, Retry-After seconds or empty · stale (cached route, number not
--   active here; nothing is written)
local function call_admit(account, args)
  local c = read_admission(args)
  local before = known_before(account, c.call)
  if before then return before end
  local active = c.direction == 'out' or find_number(account, c)
  if not active and c.cached then return { 'stale' } end
  local owner = find_account(account)
  if not owner then return refusal('403', 'account', '') end
  c.now = clock.now()
  if not active then return refuse(account, c, 'inactive') end
  local trunk = find_trunk(account, c)
  local reason, wait = verdict(account, c, owner, trunk)
  if reason then return refuse(account, c, reason, wait) end
  return admit(account, c, trunk)
end

local function given(text, otherwise)
  return text ~= '' and cut(text, TEXT) or otherwise
end

-- Stamps the start of billing; a call that was answered before stays as it was.
-- KEYS: {a:ACCT}
-- ARGV: call id, ms ago, target, pdd ms, attempts, upstream (empty: as admitted)
-- Reply: ok
-- Refusals: notfound
local function call_answer(account, args)
  local name = key.call(account, check.call(args[1]))
  local ago = check.int_or_nil(args[2], 0, AGO_MAX_MS, 'ms ago') or 0
  local pdd = check.int_or_nil(args[4], 0, AGO_MAX_MS, 'pdd ms') or 0
  local v = redis.call('HMGET', name, 'invite_ms', 'answer_ms', 'upstream')
  if not v[1] then return { 'notfound' } end
  if v[2] then return { 'ok' } end
  local at = math.max(clock.now() - ago, tonumber(v[1]))
  redis.call('HSET', name, 'answer_ms', at, 'target', cut(args[3], TEXT), 'pdd_ms', pdd,
    'attempts', cut(args[5], ATTEMPTS), 'upstream', given(args[6], v[3]))
  return { 'ok' }
end

-- Fills in times, seconds and amount of a call that ended; answer_ms is nil when nobody answered.
local function settle_times(c, answer_ms, end_ms)
  c.invite_ms = tonumber(c.invite_ms)
  c.end_ms = math.max(end_ms, c.invite_ms)
  c.rate, c.ms, c.billed, c.amount, c.answer_ms = tonumber(c.rate), 0, 0, 0, 0
  c.ring_ms = c.pdd_ms > 0 and c.invite_ms + c.pdd_ms or 0
  if answer_ms then
    c.answer_ms = math.min(math.max(answer_ms, c.invite_ms), c.end_ms)
    c.ms = c.end_ms - c.answer_ms
    c.billed = rating.billed(c.ms, tonumber(c.increment), tonumber(c.minimum))
    c.amount = rating.amount(c.rate, c.billed)
  end
end

-- Closes a live call whose record has been completed: slot, debit, statistics, CDR.
local function close(account, c, now)
  local busy = live.busy(account, c)
  if clock.day(c.invite_ms) ~= clock.day(c.end_ms) then stats.raise(account, c, c.end_ms, busy) end
  live.remove(account, c, busy)
  if c.amount > 0 then ledger.book(account, -c.amount, 'Call Charges', 'call:' .. c.call, c.number) end
  stats.add(account, c)
  cdr.append(account, c)
  if now - c.invite_ms < ONCE_MS then remember(account, c.call, REFUSALS.ended[1], 'ended', '') end
end

-- Ends a call: frees its session, rates and debits it, counts it, writes its CDR; all of it once.
-- KEYS: {a:ACCT}
-- ARGV: 1 call id, 2 SIP code, 3 reason, 4 by, 5 target, 6 attempts, 7 upstream (empty: as admitted), 8 pdd ms,
--   9 answered ms ago (empty: as stamped or not at all), 10 ended ms ago, 11 estimated (1 or empty)
-- Reply: ok, billed seconds, amount
-- Refusals: repeat (no such live call; an admission that arrives late will be refused)
local function call_finish(account, args)
  local id, code = check.call(args[1]), check.match(args[2], '^[1-6]%d%d$', 'SIP code')
  local pdd = check.int_or_nil(args[8], 0, AGO_MAX_MS, 'pdd ms')
  local answered = check.int_or_nil(args[9], 0, AGO_MAX_MS, 'answered ms ago')
  local ended = check.int_or_nil(args[10], 0, AGO_MAX_MS, 'ended ms ago') or 0
  local c = live.read(account, id)
  if not c then
    redis.call('SET', key.once(account, id), REFUSALS.ended[1] .. ' ended ', 'PX', ONCE_MS, 'NX')
    return { 'repeat' }
  end
  local now = clock.now()
  c.code, c.reason, c.by = code, cut(args[3], TEXT), cut(args[4], TEXT)
  c.target, c.upstream = given(args[5], c.target), given(args[7], c.upstream)
  if args[6] ~= '' then c.attempts = cut(args[6], ATTEMPTS) end
  c.estimated = args[11] == '1' and 1 or 0
  c.pdd_ms = pdd or tonumber(c.pdd_ms) or 0
  settle_times(c, answered and now - answered or tonumber(c.answer_ms), now - ended)
  close(account, c, now)
  return { 'ok', reply.int(c.billed), reply.int(c.amount) }
end

-- KEYS: {a:ACCT}
-- ARGV: call id (optional)
-- Reply: ok, table: call, direction, tg, number, from, to, upstream, source, target, callid, node, boot,
--   invite_ms, answer_ms, rate, increment, minimum, limit_s, pdd_ms, attempts, oldest first
local function call_list(account, args)
  local columns = reply.append({ 'call' }, live.FIELDS)
  local out = reply.columns(columns)
  local only = args[1] and args[1] ~= '' and { check.call(args[1]) }
  for _, id in ipairs(only or redis.call('ZRANGE', key.live(account), 0, -1)) do
    local values = redis.call('HMGET', key.call(account, id), unpack(live.FIELDS))
    if values[1] then
      table.insert(values, 1, id)
      reply.row(out, values, #columns)
    end
  end
  return out
end

local OVERTIME_MS = 60000

-- Whether nobody will end this call any more.
local function is_lost(c, reap)
  local start = tonumber(c.answer_ms) or tonumber(c.invite_ms)
  if reap.now - start > c.limit_s * 1000 + OVERTIME_MS then return true end
  if c.node ~= reap.node then return false end
  if reap.boot == '' then return true end
  return c.boot ~= reap.boot and c.answer_ms == '' and reap.now - c.invite_ms > reap.setup_ms
end

-- Ends a lost call at the time given, but not past its longest duration.
local function close_lost(account, c, reap)
  local answer_ms = tonumber(c.answer_ms)
  local end_ms = reap.end_ms
  if answer_ms then end_ms = math.min(end_ms, answer_ms + c.limit_s * 1000) end
  c.code, c.reason, c.by = answer_ms and '200' or '408', 'lost', 'system'
  c.estimated, c.pdd_ms = 1, tonumber(c.pdd_ms) or 0
  settle_times(c, answer_ms, math.max(end_ms, answer_ms or 0))
  close(account, c, reap.now)
end

-- Ends the calls of a node that nobody else will end: all when none of its boots is alive; else those of other
-- boots that were never answered and are older than the setup limit. And, whatever its node, any call that is
-- over its longest duration by a minute.
-- KEYS: {a:ACCT}
-- ARGV: node, boot that is alive (empty: none), most calls, setup limit ms, ended ms ago (optional: how long the
--   node has been silent)
-- Reply: ok, closed
local function call_reap(account, args)
  local most = check.int(args[3], 1, 100000, 'most')
  local reap = { node = args[1], boot = args[2], now = clock.now(),
    setup_ms = check.int(args[4], 0, AGO_MAX_MS, 'setup limit') }
  reap.end_ms = reap.now - (check.int_or_nil(args[5], 0, AGO_MAX_MS, 'ended ms ago') or 0)
  local closed = 0
  for _, id in ipairs(redis.call('ZRANGE', key.live(account), 0, -1)) do
    local c = live.read(account, id)
    if is_lost(c, reap) then
      close_lost(account, c, reap)
      closed = closed + 1
      if closed == most then break end
    end
  end
  return { 'ok', reply.int(closed) }
end

-- KEYS: {a:ACCT}
-- ARGV: most
-- Reply: ok, table of the CDR's fields, newest first
local function cdr_list(account, args)
  local out = reply.columns(cdr.FIELDS)
  local most = check.int(args[1], 1, 100000, 'most')
  for _, entry in ipairs(redis.call('XREVRANGE', key.cdr(account), '+', '-', 'COUNT', most)) do
    local values = {}
    for i = 1, #cdr.FIELDS do values[i] = entry[2][2 * i] end
    reply.row(out, values, #cdr.FIELDS)
  end
  return out
end

local SUMS = { 'processed', 'completed', 'ms', 'billed', 'peak', 'amount' }
local STATS = { did = key.stats_did, tg = key.stats_tg }

-- KEYS: {a:ACCT}
-- ARGV: kind (did, tg), month (YYYY-MM; empty: all time), ids…
-- Reply: ok, table: id, processed, completed, ms, billed, peak, amount
local function stats_get(account, args)
  local name = STATS[check.one_of(args[1], STATS, 'kind')]
  if args[2] ~= '' then check.match(args[2], '^%d%d%d%d%-%d%d$', 'month') end
  local out = reply.columns(reply.append({ 'id' }, SUMS))
  for i = 3, #args do
    local hash = name(account, check.match(args[i], '^%d+$', 'id'))
    if args[2] ~= '' then hash = key.period(hash, args[2]) end
    out[#out + 1] = args[i]
    local sums = redis.call('HMGET', hash, unpack(SUMS))
    for j = 1, #SUMS do out[#out + 1] = sums[j] or '0' end
  end
  return out
end

door.write({ 'call_admit', key = key.ACCOUNT, args = { 17 }, run = call_admit })
door.write({ 'call_answer', key = key.ACCOUNT, args = { 6 }, run = call_answer })
door.write({ 'call_finish', key = key.ACCOUNT, args = { 11 }, run = call_finish })
door.read({ 'call_list', key = key.ACCOUNT, args = { 0, 1 }, run = call_list })
door.write({ 'call_reap', key = key.ACCOUNT, args = { 4, 5 }, run = call_reap })
door.read({ 'cdr_list', key = key.ACCOUNT, args = { 1 }, run = cdr_list })
door.read({ 'stats_get', key = key.ACCOUNT, args = { 2, 100000 }, run = stats_get })
