#!lua name=trunkline_port
--@use door check clock key reply event ledger number price

local MANY = 100000
local CLAIM_MAX_MS = 86400000

-- --- Coverage: which numbers can be ported in -----------------------------------------------------------

local BLOCK, CODE, PLACE = '^%d%d%d%d%d%d$', '^%d%d%d$', '^%u%u|[^|%c]+$'

-- A row's field in the hash: its NPANXX or toll-free code, else state and rate centre.
local function coverage_field(code, place)
  if code ~= '' then return code end
  return check.match(place, PLACE, 'state and ratecenter')
end

-- KEYS: lnp:coverage
-- ARGV: for each: NPANXX or toll-free code or empty, state, rate centre. An NPANXX needs a state, a toll-free
-- code has neither; with an empty code the whole rate centre is covered
-- Reply: ok, added (those that were there before are set again)
local function coverage_set(coverage, args)
  if #args % 3 ~= 0 then door.misuse('a row is code, state, ratecenter') end
  local rows, added = {}, 0
  for i = 1, #args, 3 do
    local code, state, center = args[i], args[i + 1], string.upper(args[i + 2])
    local place = state .. '|' .. center
    if string.find(code, CODE) then
      check.match(place, '^|$', 'place of a toll-free code')
    elseif code ~= '' then
      check.match(code, BLOCK, 'code')
      check.match(place, '^%u%u|[^|%c]*$', 'state and ratecenter')
    end
    rows[i], rows[i + 1] = coverage_field(code, place), place
  end
  for i = 1, #args, 3 do added = added + redis.call('HSET', coverage, rows[i], rows[i + 1]) end
  return { 'ok', reply.int(added) }
end

-- KEYS: lnp:coverage
-- ARGV: NPANXX, toll-free codes or `ST|RATECENTER`…
-- Reply: ok, removed
local function coverage_remove(coverage, args)
  local removed = 0
  for _, field in ipairs(args) do removed = removed + redis.call('HDEL', coverage, field) end
  return { 'ok', reply.int(removed) }
end

-- KEYS: lnp:coverage
-- Reply: ok, table: code, state, ratecenter
local function coverage_list(coverage)
  local all, fields, places = redis.call('HGETALL', coverage), {}, {}
  for i = 1, #all, 2 do
    fields[#fields + 1], places[all[i]] = all[i], all[i + 1]
  end
  table.sort(fields)
  local out = reply.columns({ 'code', 'state', 'ratecenter' })
  for _, field in ipairs(fields) do
    local state, center = string.match(places[field], '^([^|]*)|(.*)$')
    reply.row(out, { string.find(field, '|', 1, true) and '' or field, state, center }, 3)
  end
  return out
end

-- KEYS: lnp:coverage
-- ARGV: NPANXX, toll-free codes or `ST|RATECENTER`…
-- Reply: ok, then for each: 1 if it is covered, else 0; its state (tf: toll-free)
local function coverage_check(coverage, args)
  local out = { 'ok' }
  for _, field in ipairs(args) do
    local place = redis.call('HGET', coverage, field)
    local state = place and string.match(place, '^[^|]*') or ''
    if place == '|' then state = 'tf' end
    reply.append(out, { place and '1' or '0', state })
  end
  return out
end

-- --- Claims: a number is on one open port order at most ---------------------------------------------------

-- Takes a number for a port order, for good (ms 0) or until the order is made.
-- KEYS: port:N
-- ARGV: account, order, ms (0: no end)
-- Reply: ok (also when the order has it)
-- Refusals: taken (another order's)
local function port_claim(claim, args)
  local account = check.match(args[1], '^[%w_.%-]+$', 'account')
  local order = check.id(args[2], 'order id')
  local ms = check.int(args[3], 0, CLAIM_MAX_MS, 'ms')
  local v = redis.call('HMGET', claim, 'account', 'order')
  if v[1] and (v[1] ~= account or v[2] ~= order) then return { 'taken' } end
  local pinned = v[1] and redis.call('PTTL', claim) < 0
  redis.call('HSET', claim, 'account', account, 'order', order)
  if ms == 0 then
    redis.call('PERSIST', claim)
  elseif not pinned then
    redis.call('PEXPIRE', claim, ms)
  end
  return { 'ok' }
end

-- KEYS: port:N
-- ARGV: account, order
-- Reply: ok (also when it is gone, or another order's by now)
local function port_drop(claim, args)
  local v = redis.call('HMGET', claim, 'account', 'order')
  if v[1] == args[1] and v[2] == args[2] then redis.call('DEL', claim) end
  return { 'ok' }
end

-- KEYS: port:N
-- Reply: ok, account, order
-- Refusals: notfound
local function port_holder(claim)
  local v = redis.call('HMGET', claim, 'account', 'order')
  if not v[1] then return { 'notfound' } end
  return { 'ok', v[1], v[2] }
end

-- --- Port orders ------------------------------------------------------------------------------------------

-- What a customer or the operator states about an order.
local DETAILS = { 'subscriber_type', 'first_name', 'last_name', 'house_number', 'street_name', 'street_suffix', 'city',
  'state', 'zip', 'losing_carrier', 'billing_number', 'authorized_by', 'wireless_account', 'wireless_pin', 'resporg',
  'loa', 'carrier_doc' }
local DETAIL_MAX = 512 -- bytes
local RULES = {}

local function a_detail(text, field)
  if #text > DETAIL_MAX or string.find(text, '%c') then door.misuse('malformed ' .. field) end
end

RULES.resporg = check.optional(check.a_match('^%u%u[%u%d][%u%d][%u%d]$'))
RULES.billing_number = check.a_match('^%d%d%d%d%d%d%d%d%d%d$')

local FIELDS = { 'id', 'tg', 'category', 'type', 'order_type', 'created', 'count', 'amount', 'per_order_cost', 'taxes',
  'other_charges', 'discount', 'monthly', 'sessions', 'status', 'step', 'processing', 'requested', 'foc', 'reason',
  'note', 'immediately', 'triggered', 'modified', 'modified_by' }
for i = 1, #DETAILS do
  RULES[DETAILS[i]] = RULES[DETAILS[i]] or a_detail
  FIELDS[#FIELDS + 1] = DETAILS[i]
end

-- Every legal move of `processing`: from → to. COMPLETE is reached by port_complete alone.
local MOVES = {
  DRAFT = { SUBMITTED = true, EXCEPTION = true, CANCELLED = true },
  SUBMITTED = { EXCEPTION = true, FOC = true, CANCELLED = true },
  EXCEPTION = { SUBMITTED = true, EXCEPTION = true, FOC = true, CANCELLED = true },
  FOC = { FOC = true, EXCEPTION = true, CANCELLED = true },
  COMPLETE = {},
  CANCELLED = {},
}

-- Toll-free numbers go from RespOrg to RespOrg: these need its id on the order.
local NEEDS_RESPORG = { SUBMITTED = true, FOC = true }

local function saga(id)
  return 'port:' .. id
end

local function read_port(account, id)
  local values = redis.call('HMGET', key.port(account, id), unpack(FIELDS))
  if not values[1] then return nil end
  local port = {}
  for i, field in ipairs(FIELDS) do port[field] = values[i] or '' end
  return port
end

local function port_reply(account, port)
  local out = { 'ok', reply.int(#FIELDS) }
  for _, field in ipairs(FIELDS) do reply.append(out, { field, port[field] or '' }) end
  return reply.append(out, number.read(key.port_numbers(account, port.id)))
end

local EVENTS = { DRAFT = 'port.created', SUBMITTED = 'port.submitted', EXCEPTION = 'port.exception', FOC = 'port.foc',
  COMPLETE = 'port.completed', CANCELLED = 'port.cancelled' }

-- Tells the webhooks that an order's processing is another, as it is kept now.
local function tell(account, id)
  local port = read_port(account, id)
  event.add(account, EVENTS[port.processing], { 'orderId', id, 'tg_id', port.tg, 'didCategory', port.category,
    'processingStatus', port.processing, 'reason', port.reason, 'note', port.note, 'focDate',
    port.foc == '0' and '' or clock.text(tonumber(port.foc)), 'amount', event.money(port.amount), 'count', port.count,
    'numbers', event.numbers(number.read(key.port_numbers(account, id))) })
end

-- Writes fields of an order and a line of its log.
local function change(account, id, by, values)
  local now = clock.now()
  values.modified, values.modified_by = reply.int(now), by
  for field, value in pairs(values) do redis.call('HSET', key.port(account, id), field, value) end
  redis.call('XADD', key.port_log(account, id), '*', 'by', by, 'processing', values.processing or '',
    'reason', values.reason or '', 'note', values.note or '')
  if values.processing then tell(account, id) end
end

local function checked_numbers(args, from, count)
  local numbers = {}
  for i = from, from + 2 * count - 1, 2 do
    reply.append(numbers, { check.number(args[i]), check.match(args[i + 1], '^%a%a$', 'state') })
  end
  return numbers
end

-- The order as it begins, not written; nil when there is no such trunk.
local function new_port(account, args, count)
  local trunk = redis.call('HMGET', key.trunk(account, args[2]), 'kind', 'billing', 'sessions')
  if trunk[1] ~= 'in' then return nil end
  local port = { id = args[1], tg = args[2], category = args[3], requested = args[4], count = reply.int(count),
    type = trunk[2] or '', sessions = trunk[3] or '', order_type = 'Portin', created = reply.int(clock.now()),
    status = '1', step = 'created', processing = 'DRAFT', foc = '0', immediately = '0', triggered = '0' }
  price.order(account, port)
  return port
end

-- Makes and pays an order for numbers that it has claimed, priced as new orders are. Enters port:ID into the sagas
-- until the claims are for good. Repeated for the same order it answers the same.
-- KEYS: {a:ACCT}
-- ARGV: order id, tg, category, requested FOC ms, by whom, count of numbers, then number, state…, then field, value…
-- Reply: as port_get
-- Refusals: notfound (no account) · trunk (no such origination trunk) · insufficient
local function port_create(account, args)
  local id, by = check.id(args[1], 'order id'), check.match(args[5], check.WORD, 'by')
  check.id(args[2], 'trunk id')
  check.one_of(args[3], price.CATEGORIES, 'category')
  check.int(args[4], 0, check.MS_MAX, 'requested')
  local count = check.int(args[6], 1, MANY, 'count')
  if #args < 6 + 2 * count then door.misuse('fewer numbers than counted') end
  local numbers = checked_numbers(args, 7, count)
  check.fields(args, 7 + 2 * count, RULES)
  local old = read_port(account, id)
  if old then return port_reply(account, old) end
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local port = new_port(account, args, count)
  if not port then return { 'trunk' } end
  if not ledger.pay(account, tonumber(port.amount), 'Order (LNP)', saga(id)) then return { 'insufficient' } end
  for i = 7 + 2 * count, #args, 2 do port[args[i]] = args[i + 1] end
  number.write(key.port_numbers(account, id), numbers)
  redis.call('ZADD', key.ports(account), id, id)
  redis.call('HSET', key.sagas(account), saga(id), port.created)
  change(account, id, by, port)
  return port_reply(account, read_port(account, id))
end

-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, number of pairs, field, value…, then number, state…
-- Refusals: notfound
local function port_get(account, args)
  local port = read_port(account, check.id(args[1], 'order id'))
  if not port then return { 'notfound' } end
  return port_reply(account, port)
end

-- KEYS: {a:ACCT}
-- Reply: ok, order ids, ascending
local function port_list(account)
  return reply.append({ 'ok' }, redis.call('ZRANGE', key.ports(account), 0, -1))
end

-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, table: time (ms), by, processing, reason, note, oldest first
local function port_history(account, args)
  local out = reply.columns({ 'time', 'by', 'processing', 'reason', 'note' })
  for _, entry in ipairs(redis.call('XRANGE', key.port_log(account, check.id(args[1], 'order id')), '-', '+')) do
    local v = entry[2]
    reply.row(out, { string.match(entry[1], '^%d+'), v[2], v[4], v[6], v[8] }, 5)
  end
  return out
end

-- KEYS: {a:ACCT}
-- Reply: ok, ids of orders whose FOC time has come
local function port_due(account)
  return reply.append({ 'ok' }, redis.call('ZRANGEBYSCORE', key.port_due(account), '-inf', clock.now()))
end

-- The claims of a new order are for good.
-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, step (open, or a later one)
-- Refusals: notfound
local function port_settle(account, args)
  local port = read_port(account, check.id(args[1], 'order id'))
  if not port then return { 'notfound' } end
  if port.step == 'created' then
    port.step = 'open'
    redis.call('HSET', key.port(account, port.id), 'step', port.step)
    redis.call('HDEL', key.sagas(account), saga(port.id))
  end
  return { 'ok', port.step }
end

-- Details of an order that is still under way.
-- KEYS: {a:ACCT}
-- ARGV: order, by whom, field, value…
-- Reply: ok
-- Refusals: notfound · move, processing (complete or cancelled)
local function port_set(account, args)
  local id, by = check.id(args[1], 'order id'), check.match(args[2], check.WORD, 'by')
  check.fields(args, 3, RULES)
  local port = read_port(account, id)
  if not port then return { 'notfound' } end
  if not next(MOVES[port.processing]) then return { 'move', port.processing } end
  local values = {}
  for i = 3, #args, 2 do values[args[i]] = args[i + 1] end
  change(account, id, by, values)
  return { 'ok' }
end

-- Takes the order's money back to the balance and its claims to the saga that drops them.
local function cancel(account, port, values)
  ledger.book_once(account, tonumber(port.amount), 'Order (LNP)', 'refund:' .. saga(port.id), values.reason)
  redis.call('HSET', key.sagas(account), saga(port.id), clock.now())
  values.status, values.step = '0', 'cancelled'
end

-- Moves an order to another processing status. A cancelled one is paid back; port:ID is in the sagas until its
-- claims are dropped.
-- KEYS: {a:ACCT}
-- ARGV: order, processing, by whom, reason code, note, FOC ms (FOC alone, else empty)
-- Reply: ok
-- Refusals: notfound · move, processing (no such move from it) · busy (its numbers are being switched) · resporg
-- (toll-free and no RespOrg id)
local function port_move(account, args)
  local id, to, by = check.id(args[1], 'order id'), check.one_of(args[2], MOVES, 'processing'), args[3]
  check.match(by, check.WORD, 'by')
  check.match(args[4], '^[%u_]*$', 'reason')
  check.a_text(args[5], 'note')
  local foc = to == 'FOC' and check.int(args[6], 1, check.MS_MAX, 'FOC')
  local port = read_port(account, id)
  if not port then return { 'notfound' } end
  if not MOVES[port.processing][to] then return { 'move', port.processing } end
  if port.step == 'switching' then return { 'busy' } end
  if NEEDS_RESPORG[to] and port.category == 'tollfree' and port.resporg == '' then return { 'resporg' } end
  local values = { processing = to, reason = args[4], note = args[5], foc = '0' }
  if foc then
    values.foc = reply.int(foc)
    redis.call('ZADD', key.port_due(account), foc, id)
  else
    redis.call('ZREM', key.port_due(account), id)
  end
  if to == 'CANCELLED' then cancel(account, port, values) end
  change(account, id, by, values)
  return { 'ok' }
end

-- The FOC time has come: the numbers enter `numbers`, so that each routes from the moment that its did:N is
-- assigned. Enters port:ID into the sagas.
-- KEYS: {a:ACCT}
-- ARGV: order, by whom, `now` (before its time, by the operator's will; optional)
-- Reply: ok, step (switching, done)
-- Refusals: notfound · move, processing (there is no FOC) · early
local function port_switch(account, args)
  local id, by = check.id(args[1], 'order id'), check.match(args[2], check.WORD, 'by')
  local port = read_port(account, id)
  if not port then return { 'notfound' } end
  if port.step == 'switching' or port.step == 'done' then return { 'ok', port.step } end
  if port.processing ~= 'FOC' then return { 'move', port.processing } end
  local now = clock.now()
  local early = tonumber(port.foc) > now
  if early and args[3] ~= 'now' then return { 'early' } end
  local numbers = number.read(key.port_numbers(account, id))
  for i = 1, #numbers, 2 do
    redis.call('HSET', key.numbers(account), numbers[i], number.pack(port.tg, '1', id, numbers[i + 1], ''))
  end
  redis.call('HSET', key.sagas(account), saga(id), now)
  change(account, id, by, { step = 'switching', triggered = '1', immediately = early and '1' or '0',
    since = reply.int(now) })
  return { 'ok', 'switching' }
end

-- All numbers of an order are assigned.
-- KEYS: {a:ACCT}
-- ARGV: order, by whom
-- Reply: ok (also when it was complete before)
-- Refusals: notfound · move, processing (not being switched)
local function port_complete(account, args)
  local id, by = check.id(args[1], 'order id'), check.match(args[2], check.WORD, 'by')
  local port = read_port(account, id)
  if not port then return { 'notfound' } end
  if port.step == 'done' then return { 'ok' } end
  if port.step ~= 'switching' then return { 'move', port.processing } end
  redis.call('ZREM', key.port_due(account), id)
  change(account, id, by, { step = 'done', status = '2', processing = 'COMPLETE' })
  return { 'ok' }
end

door.write({ 'coverage_set', key = key.COVERAGE, args = { 3, MANY }, run = coverage_set })
door.write({ 'coverage_remove', key = key.COVERAGE, args = { 1, MANY }, run = coverage_remove })
door.read({ 'coverage_list', key = key.COVERAGE, args = { 0 }, run = coverage_list })
door.read({ 'coverage_check', key = key.COVERAGE, args = { 1, MANY }, run = coverage_check })
door.write({ 'port_claim', key = key.PORT, args = { 3 }, run = port_claim })
door.write({ 'port_drop', key = key.PORT, args = { 2 }, run = port_drop })
door.read({ 'port_holder', key = key.PORT, args = { 0 }, run = port_holder })
door.write({ 'port_create', key = key.ACCOUNT, args = { 8, MANY }, run = port_create })
door.read({ 'port_get', key = key.ACCOUNT, args = { 1 }, run = port_get })
door.read({ 'port_list', key = key.ACCOUNT, args = { 0 }, run = port_list })
door.read({ 'port_history', key = key.ACCOUNT, args = { 1 }, run = port_history })
door.read({ 'port_due', key = key.ACCOUNT, args = { 0 }, run = port_due })
door.write({ 'port_settle', key = key.ACCOUNT, args = { 1 }, run = port_settle })
door.write({ 'port_set', key = key.ACCOUNT, args = { 4, 64 }, run = port_set })
door.write({ 'port_move', key = key.ACCOUNT, args = { 6 }, run = port_move })
door.write({ 'port_switch', key = key.ACCOUNT, args = { 2, 3 }, run = port_switch })
door.write({ 'port_complete', key = key.ACCOUNT, args = { 2 }, run = port_complete })
