#!lua name=trunkline_call
--@use door check clock key reply number rating tariff hold minutes stats cdr live news ending pace

local TEXT, ATTEMPTS = 128, 200
local int = reply.int -- what Redis gets as text costs it less

-- Reason word of a refusal → SIP code, text. The code of `sessions` is the caller's.
local REFUSALS = {
  inactive = { '404', 'Number not in service' },
  trunk = { '404', 'Trunk not in service' },
  account = { '403', 'Account not in service' },
  balance = { '402', 'Insufficient balance' },
  mou = { '403', 'Minutes of this month used up' },
  sessions = { '', 'Too many calls at once' },
  cps = { '503', 'Too many calls a second' },
  ended = { ending.CODE, 'Call has ended' },
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
    c.onnet = args[18] == '1'
    c.caller = args[19] and args[19] ~= '' and check.number(args[19])
  end
  return c
end

-- Reads the called number's record into the call; whether it is active.
local function find_number(account, c)
  local record = redis.call('HGET', key.numbers(account), c.number)
  if not record then return false end
  local tg, status, _, state, cnam = number.unpack(record)
  c.tg, c.category, c.cnam = tg, number.category(state), cnam
  return status == '1'
end

-- Caller name of a number of the account's own that is in service.
local function caller_name(account, digits)
  local record = redis.call('HGET', key.numbers(account), digits)
  if not record then return '' end
  local _, status, _, _, cnam = number.unpack(record)
  return status == '1' and cnam or ''
end

local function find_trunk(account, c)
  local v = redis.call('HMGET', key.trunk(account, c.tg), 'kind', 'status', 'sessions', 'cps', 'billing',
    'primary_prefix', 'primary_host', 'primary_port', 'secondary_prefix', 'secondary_host', 'secondary_port',
    'forward', 'mou')
  return { active = v[1] == c.direction and v[2] == '1', sessions = tonumber(v[3]), cps = tonumber(v[4]),
    metered = v[5] == 'Metered', primary = { 'primary', v[6] or '', v[7] or '', v[8] or '5060' },
    secondary = { 'secondary', v[9] or '', v[10] or '', v[11] or '5060' }, forward = v[12] or '',
    mou = tonumber(v[13]) }
end

local function find_account(account)
  local v = redis.call('HMGET', account, 'status', 'balance', 'sessions', 'in_rate', 'tfn_rate', 'in_increment',
    'in_minimum', 'held', 'call_tax_bp', 'onnet_rate')
  if not v[1] then return nil end
  return { active = v[1] == '1', available = tonumber(v[2]) - tonumber(v[8] or 0), tax_bp = tonumber(v[9] or 0),
    sessions = tonumber(v[3]), in_rate = tonumber(v[4]),
    tfn_rate = tonumber(v[5]), increment = tonumber(v[6]), minimum = tonumber(v[7]), onnet_rate = tonumber(v[10]) }
end

-- Takes the call's first slice off what is available, and cuts its longest duration to what that pays for; false
-- when the money isn't enough.
local function afford(c, owner)
  c.tax_bp, c.held, c.paid_s = owner.tax_bp, 0, 0
  if c.rate == 0 then return true end
  c.limit_s = math.min(c.limit_s, rating.paid(owner.available, c))
  c.paid_s, c.held = hold.first(c, owner.available)
  return c.paid_s > 0
end

-- Takes the call's first minutes off what its trunk has left this month, and cuts its longest duration to that; false
-- when it isn't enough.
local function take_minutes(account, c, mou)
  if not mou then return true end
  local left = minutes.left(account, c.tg, mou, c.now)
  c.mou_s = minutes.next(c, left)
  c.limit_s = math.min(c.limit_s, minutes.longest(c, left))
  return c.mou_s > 0
end

local function over(limit, count)
  return limit ~= nil and count >= limit
end

-- The reason why a call may not be, and seconds to wait; nil when it may. Fills in price and limit.
local function verdict(account, c, owner, trunk)
  if not trunk.active then return 'trunk' end
  if not owner.active then return 'account' end
  if c.direction == 'in' then tariff.incoming(c, owner, trunk.metered) end
  if c.onnet then tariff.onnet(c, owner) end
  if not afford(c, owner) then return 'balance' end
  if not take_minutes(account, c, trunk.mou) then return 'mou' end
  c.busy = live.busy(account, c)
  if over(owner.sessions, c.busy.all) or over(trunk.sessions, c.busy.tg) then return 'sessions' end
  local wait = pace.wait(key.cps(account, c.tg), c.now, trunk.cps)
  if wait then return 'cps', wait end
  return nil
end

local function refusal(code, reason, wait)
  return { 'refused', code, reason, REFUSALS[reason][2], wait }
end

-- Writes a refused call: counters, statistics, CDR and the reply for a repeat.
local function refuse(account, c, reason, wait)
  local code = reason == 'sessions' and c.sessions_code or REFUSALS[reason][1]
  wait = wait and reply.int(wait) or ''
  c.invite_ms, c.ring_ms, c.answer_ms, c.end_ms, c.ms = c.now, 0, 0, c.now, 0
  c.billed, c.amount, c.pdd_ms, c.estimated = 0, 0, 0, 0
  c.code, c.reason, c.by, c.target, c.attempts = code, reason, 'system', '', ''
  redis.call('HINCRBY', key.count(account), 'refused', '1')
  stats.add(account, c)
  cdr.append(account, c)
  ending.remember(account, c.call, code, reason, wait)
  news.refusal(account, c)
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
  if c.caller then c.cnam = caller_name(account, c.caller) end
  local targets = targets_of(c, trunk)
  redis.call('HSET', key.call(account, c.call), 'direction', c.direction, 'tg', c.tg, 'number', c.number,
    'from', c.from, 'to', c.to, 'upstream', c.upstream, 'source', c.source, 'callid', c.callid,
    'node', c.node, 'boot', c.boot, 'invite_ms', int(c.now), 'rate', int(c.rate), 'increment', int(c.increment),
    'minimum', int(c.minimum), 'limit_s', int(c.limit_s), 'tax_bp', int(c.tax_bp), 'held', int(c.held),
    'paid_s', int(c.paid_s),
    'cnam', c.cnam, 'targets', table.concat(targets, '|'))
  hold.add(account, c.held)
  if c.mou_s then
    redis.call('HSET', key.call(account, c.call), 'mou_s', c.mou_s)
    minutes.add(account, c.tg, c.mou_s)
  end
  redis.call('HINCRBY', key.count(account), 'admitted', '1')
  pace.take(key.cps(account, c.tg), c.now, trunk.cps)
  stats.raise(account, c, c.now, live.add(account, c, c.busy))
  news.start(account, c)
  return admission('new', c.tg, reply.int(c.limit_s), c.cnam, targets)
end

-- The reply to a call that is live, or was refused or ended lately; nil for a new one. A live one that was never
-- answered goes over to who asks: its INVITE came again to another start, or instance, of sipmod.
local function known_before(account, c)
  local name, once = key.call(account, c.call), key.once(account, c.call)
  if redis.call('EXISTS', name, once) == 0 then return nil end
  local v = redis.call('HMGET', name, 'tg', 'limit_s', 'cnam', 'targets', 'answer_ms')
  if not v[1] then
    return refusal(string.match(redis.call('GET', once), '^(%d+) (%S+) (%d*)$'))
  end
  if not v[5] then redis.call('HSET', name, 'node', c.node, 'boot', c.boot) end
  local targets = {}
  for part in string.gmatch(v[4] .. '|', '([^|]*)|') do targets[#targets + 1] = part end
  return admission('repeat', v[1], v[2], v[3], v[4] ~= '' and targets or {})
end

-- Admits a call: takes its session and writes its record, or refuses it and writes its CDR.
-- KEYS: {a:ACCT}
-- ARGV: 1 call id, 2 direction (in, out), 3 number, 4 tg (out) or empty, 5 node, 6 boot, 7 from, 8 to,
--   9 source, 10 upstream carrier, 11 SIP Call-ID, 12 rate 13 increment 14 minimum (out), 15 `1` if the route
--   came from a cache, 16 SIP code of a sessions refusal, 17 longest call in seconds, 18 `1` if an outgoing call
--   goes to a number of ours (optional), 19 the caller's number, ten digits (out; optional)
-- Reply: ok, `new` or `repeat`, tg, longest seconds, cnam (in: of the number; out: of the caller's number, if it is the
--   account's own and in service), then for each target: kind, prefix, host, port
-- Refusals: refused, SIP code, reason, text, Retry-After seconds or empty · stale (cached route, number not
--   active here; nothing is written)
local function call_admit(account, args)
  local c = read_admission(args)
  local before = known_before(account, c)
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

local SOON_MS, LATE_MS = 20, 3600000

-- How long a command waited before it was run: `sent` is Redis TIME by the sender's reckoning.
local function waited(now, sent)
  local ms = now - (check.int_or_nil(sent, 0, check.MS_MAX, 'sent') or math.huge)
  return ms > SOON_MS and ms < LATE_MS and ms or 0
end

local function given(text, otherwise)
  return text ~= '' and cut(text, TEXT) or otherwise
end

-- Stamps the start of billing; a call that was answered before stays as it was.
-- KEYS: {a:ACCT}
-- ARGV: call id, ms ago, target, pdd ms, attempts, upstream (empty: as admitted), when this was sent (Redis TIME in ms
--   by the sender's reckoning; optional): what waits in a server that stands still happened so much earlier
-- Reply: ok
-- Refusals: notfound
local function call_answer(account, args)
  local name = key.call(account, check.call(args[1]))
  local ago = check.int_or_nil(args[2], 0, check.AGO_MAX_MS, 'ms ago') or 0
  local pdd = check.int_or_nil(args[4], 0, check.AGO_MAX_MS, 'pdd ms') or 0
  local v = redis.call('HMGET', name, 'invite_ms', 'answer_ms', 'upstream', 'rate', 'paid_s', 'mou_s',
    'direction', 'tg', 'number')
  if not v[1] then return { 'notfound' } end
  if v[2] then return { 'ok' } end
  local now = clock.now()
  local at = math.max(now - ago - waited(now, args[7]), tonumber(v[1]))
  local c = { call = args[1], answer_ms = at, rate = tonumber(v[4]), paid_s = tonumber(v[5]), mou_s = tonumber(v[6]),
    direction = v[7], tg = v[8], number = v[9], target = cut(args[3], TEXT), upstream = given(args[6], v[3]),
    pdd_ms = pdd }
  redis.call('HSET', name, 'answer_ms', reply.int(at), 'target', c.target, 'pdd_ms', reply.int(pdd),
    'attempts', cut(args[5], ATTEMPTS), 'upstream', c.upstream)
  hold.set_due(account, c)
  news.answer(account, c)
  return { 'ok' }
end

-- Ends a call: frees its session, rates and debits it, counts it, writes its CDR; all of it once. A 2xx without any
-- answer stamp is the end of a call whose answer was lost on its way: the answer is estimated at the end, so that
-- nothing is billed that can't be proven but the minimum. Any other code is the end of a call that was never up: an
-- answer that was stamped, but didn't reach the caller, doesn't count. The end for its longest duration is that
-- duration, however late our BYE was.
-- KEYS: {a:ACCT}
-- ARGV: 1 call id, 2 SIP code, 3 reason, 4 by, 5 target, 6 attempts, 7 upstream (empty: as admitted), 8 pdd ms,
--   9 answered ms ago (empty: as stamped or not at all), 10 ended ms ago, 11 estimated (1 or empty), 12 when this was
--   sent (as in call_answer; optional)
-- Reply: ok, billed seconds, amount
-- Refusals: repeat (no such live call; an admission that arrives late will be refused)
local function call_finish(account, args)
  local id, code = check.call(args[1]), check.match(args[2], '^[1-6]%d%d$', 'SIP code')
  local pdd = check.int_or_nil(args[8], 0, check.AGO_MAX_MS, 'pdd ms')
  local answered = check.int_or_nil(args[9], 0, check.AGO_MAX_MS, 'answered ms ago')
  local ended = check.int_or_nil(args[10], 0, check.AGO_MAX_MS, 'ended ms ago') or 0
  local c = live.read(account, id)
  if not c then
    ending.remember_unknown(account, id)
    return { 'repeat' }
  end
  local now = clock.now()
  local late = waited(now, args[12])
  ended, answered = ended + late, answered and answered + late
  c.code, c.reason, c.by = code, cut(args[3], TEXT), cut(args[4], TEXT)
  c.target, c.upstream = given(args[5], c.target), given(args[7], c.upstream)
  if args[6] ~= '' then c.attempts = cut(args[6], ATTEMPTS) end
  c.pdd_ms = pdd or c.pdd_ms
  local answer_ms = answered and now - answered or c.answer_ms
  local up = string.sub(code, 1, 1) == '2'
  if not up then answer_ms = nil end
  local unstamped = up and not answer_ms
  c.estimated = (unstamped or args[11] == '1') and 1 or 0
  local end_ms = now - ended
  if c.reason == 'longest' and answer_ms then end_ms = math.min(end_ms, answer_ms + c.limit_s * 1000) end
  ending.settle(c, unstamped and end_ms or answer_ms, end_ms)
  ending.close(account, c, now)
  return { 'ok', c.billed, c.amount }
end

-- KEYS: {a:ACCT}
-- ARGV: call id (optional)
-- Reply: ok, table: call, direction, tg, number, from, to, upstream, source, target, callid, node, boot,
--   invite_ms, answer_ms, rate, increment, minimum, limit_s, pdd_ms, attempts, tax_bp, held, paid_s, cut, mou_s,
--   oldest first
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

-- Asks the instance that carries a call to end it.
-- KEYS: {a:ACCT}
-- ARGV: call id
-- Reply: ok (asked; the call ends a moment later)
-- Refusals: notfound
local function call_kill(account, args)
  local id = check.call(args[1])
  if redis.call('EXISTS', key.call(account, id)) == 0 then return { 'notfound' } end
  ending.ask(account, id, 'killed')
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- ARGV: most
-- Reply: ok, table of the CDR's fields, newest first
local function cdr_list(account, args)
  return cdr.latest(key.cdr(account), check.int(args[1], 1, 100000, 'most'))
end

local STATS = { did = key.stats_did, tg = key.stats_tg }

-- KEYS: {a:ACCT}
-- ARGV: kind (did, tg), month (YYYY-MM; empty: all time), ids…
-- Reply: ok, table: id, processed, completed, ms, billed, peak, amount
local function stats_get(account, args)
  local name = STATS[check.one_of(args[1], STATS, 'kind')]
  if args[2] ~= '' then check.match(args[2], '^%d%d%d%d%-%d%d$', 'month') end
  local out, month = reply.columns(reply.append({ 'id' }, stats.SUMS)), args[2] ~= '' and args[2] or nil
  for i = 3, #args do
    local sums = stats.read(name(account, check.match(args[i], '^%d+$', 'id')), month)
    out[#out + 1] = args[i]
    for _, sum in ipairs(stats.SUMS) do out[#out + 1] = reply.int(sums[sum]) end
  end
  return out
end

door.write({ 'call_admit', aside = true, key = key.ACCOUNT, args = { 17, 19 }, run = call_admit })
door.write({ 'call_answer', aside = true, key = key.ACCOUNT, args = { 6, 7 }, run = call_answer })
door.write({ 'call_finish', aside = true, key = key.ACCOUNT, args = { 11, 12 }, run = call_finish })
door.read({ 'call_list', key = key.ACCOUNT, args = { 0, 1 }, run = call_list })
door.write({ 'call_kill', aside = true, key = key.ACCOUNT, args = { 1 }, run = call_kill })
door.read({ 'cdr_list', key = key.ACCOUNT, args = { 1 }, run = cdr_list })
door.read({ 'stats_get', key = key.ACCOUNT, args = { 2, 100000 }, run = stats_get })
