#!lua name=trunkline_tap
--@use door check clock key reply number cdr ending tariff

local TEXT, ATTEMPTS = 128, 200
local DIRECTIONS = { ['in'] = true, out = true }
local FLAG = { [''] = true, ['1'] = true }

-- Refusals that come before a call has its price.
local UNPRICED = { inactive = true, trunk = true, account = true }

local function read_call(args)
  local function text(i) return string.sub(args[i], 1, TEXT) end
  local function ms(i, what) return check.int(args[i], 0, check.MS_MAX, what) end
  local c = {
    call = check.call(args[1]), direction = check.one_of(args[2], DIRECTIONS, 'direction'), tg = '', node = text(5),
    from = text(6), to = text(7), upstream = text(8), source = text(9), target = text(10), callid = text(11),
    invite_ms = ms(12, 'invite ms'), pdd_ms = check.int(args[13], 0, check.AGO_MAX_MS, 'pdd ms'),
    end_ms = ms(15, 'end ms'), code = check.match(args[16], '^[1-6]%d%d$', 'SIP code'), reason = text(17),
    by = text(18), attempts = string.sub(args[19], 1, ATTEMPTS), rate = 0, increment = 1, minimum = 0,
    estimated = check.one_of(args[23], FLAG, 'estimated') == '1' and 1 or 0,
  }
  if c.direction == 'in' then
    c.number = check.number(args[3])
  else
    c.number, c.tg = check.match(args[3], '^%d+$', 'number'), check.id(args[4], 'trunk id')
    c.rate = check.int(args[20], 0, check.RATE_MAX, 'rate')
    c.increment = check.int(args[21], 1, 3600, 'increment')
    c.minimum = check.int(args[22], 0, 3600, 'minimum')
  end
  return c, check.int_or_nil(args[14], 0, check.MS_MAX, 'answer ms')
end

-- The price that call_admit would have given the call.
local function price(account, c, onnet)
  local v = redis.call('HMGET', account, 'in_rate', 'tfn_rate', 'in_increment', 'in_minimum', 'onnet_rate')
  local owner = { in_rate = tonumber(v[1]), tfn_rate = tonumber(v[2]), increment = tonumber(v[3]),
    minimum = tonumber(v[4]), onnet_rate = tonumber(v[5]) }
  if c.direction == 'in' then
    tariff.incoming(c, owner, redis.call('HGET', key.trunk(account, c.tg), 'billing') == 'Metered')
  elseif onnet then
    tariff.onnet(c, owner)
  end
end

-- Forgets calls that were recorded longer than keep ms ago, and of more than `most` the oldest.
local function trim(account, now, keep, most)
  local stream, index = key.tap(account), key.tapped(account)
  redis.call('XTRIM', stream, 'MINID', reply.int(math.max(now - keep, 0)))
  redis.call('ZREMRANGEBYSCORE', index, '-inf', '(' .. reply.int(now - keep))
  redis.call('XTRIM', stream, 'MAXLEN', most)
  redis.call('ZREMRANGEBYRANK', index, 0, -(most + 1))
end

-- Records a call that was seen on the wire, priced as call_admit would have, once. Touches no money, limit or count.
-- KEYS: {a:ACCT}
-- ARGV: 1 call id, 2 direction (in, out), 3 number, 4 tg (out) or empty, 5 node, 6 from, 7 to, 8 upstream, 9 source,
--   10 target, 11 SIP Call-ID, 12 INVITE ms, 13 pdd ms, 14 answer ms (empty: never), 15 end ms, 16 SIP code, 17 reason,
--   18 by, 19 attempts, 20 rate 21 increment 22 minimum (out), 23 `1` if the end is estimated, 24 `1` if an outgoing
--   call goes to a number of ours, 25 ms that records are kept, 26 most of them
-- Reply: ok, billed seconds, amount
-- Refusals: repeat (recorded before) · notfound (no such account)
local function tap_record(account, args)
  local c, answer_ms = read_call(args)
  local onnet = check.one_of(args[24], FLAG, 'on-net') == '1'
  local keep = check.int(args[25], 1, check.MS_MAX, 'ms kept')
  local most = check.int(args[26], 1, 100000000, 'most')
  if redis.call('ZSCORE', key.tapped(account), c.call) then return { 'repeat' } end
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  if c.direction == 'in' then
    local record = redis.call('HGET', key.numbers(account), c.number)
    if record then
      local tg, _, _, state = number.unpack(record)
      c.tg, c.category = tg, number.category(state)
    end
  end
  if not UNPRICED[c.reason] then price(account, c, onnet) end
  ending.settle(c, answer_ms, c.end_ms)
  local now = clock.now()
  cdr.put(key.tap(account), c)
  redis.call('ZADD', key.tapped(account), now, c.call)
  trim(account, now, keep, most)
  return { 'ok', reply.int(c.billed), reply.int(c.amount) }
end

-- KEYS: {a:ACCT}
-- ARGV: most
-- Reply: ok, table of the CDR's fields, latest recorded first
local function tap_list(account, args)
  return cdr.latest(key.tap(account), check.int(args[1], 1, 100000, 'most'))
end

-- Forgets all that was recorded.
-- KEYS: {a:ACCT}
-- Reply: ok, how many
local function tap_clear(account)
  local n = redis.call('XLEN', key.tap(account))
  redis.call('DEL', key.tap(account), key.tapped(account))
  return { 'ok', reply.int(n) }
end

door.write({ 'tap_record', aside = true, key = key.ACCOUNT, args = { 26 }, run = tap_record })
door.read({ 'tap_list', key = key.ACCOUNT, args = { 1 }, run = tap_list })
door.write({ 'tap_clear', aside = true, key = key.ACCOUNT, args = { 0 }, run = tap_clear })
