#!lua name=trunkline_payment
--@use door check clock key reply event ledger

local METHODS = { Paypal = true, Bank = true, ['Credit Card'] = true }
local TRANSFER = { Paypal = 'Paypal Transfer', Bank = 'Bank Transfer', ['Credit Card'] = 'Credit Card' }
local FEE = { Paypal = 'Paypal Fee', Bank = 'Bank Fee', ['Credit Card'] = 'Credit Card Fee' }
local FIELDS = { 'id', 'created', 'method', 'funded', 'charges', 'status', 'step', 'gateway', 'reference', 'reason',
  'key', 'refunded', 'refunds', 'once' }
local RESULTS = { done = true, failed = true }
local ID = check.WORD
local DONE, PENDING, FAILED = '1', '0', '2'

local function read(account, id)
  local values = redis.call('HMGET', key.payment(account, id), unpack(FIELDS))
  if not values[1] then return nil end
  local payment = {}
  for i, field in ipairs(FIELDS) do payment[field] = values[i] or '' end
  return payment
end

local function write(account, id, values)
  for field, value in pairs(values) do redis.call('HSET', key.payment(account, id), field, value) end
end

-- Tells the webhooks what became of a payment; `amount` is what was given back.
local function tell(account, kind, payment, reason, amount)
  local fields = { 'referenceno', payment.id, 'method', payment.method, 'funded_amount', event.money(payment.funded),
    'charges', event.money(payment.charges), 'reason', reason }
  if amount then reply.append(fields, { 'refunded', event.money(amount) }) end
  event.add(account, kind, fields)
end

-- Amounts of a payment: charges never exceed what was funded.
local function amounts(funded, charges)
  funded = check.int(funded, 1, check.MONEY_MAX, 'funded')
  return funded, check.int(charges, 0, funded, 'charges')
end

local function in_range(account, change)
  local balance = tonumber(redis.call('HGET', account, 'balance') or 0)
  if math.abs(balance + change) > check.MONEY_MAX then door.misuse('balance out of range') end
end

-- Books the two lines of a payment, each once. Returns the balance.
local function book(account, payment, ref, note)
  local funded, charges = tonumber(payment.funded), tonumber(payment.charges)
  local balance = tonumber(redis.call('HGET', account, 'balance'))
  if not ledger.booked(account, ref) then
    balance = ledger.book_once(account, funded, TRANSFER[payment.method], ref, note)
  end
  if charges > 0 and not ledger.booked(account, ref .. ':fee') then
    balance = ledger.book_once(account, -charges, FEE[payment.method], ref .. ':fee', '')
  end
  return balance
end

local function ref_of(id)
  return 'payment:' .. id
end

local function begun(word, payment)
  return { 'ok', word, payment.id, payment.step, payment.reason, payment.key, payment.gateway, payment.funded }
end

-- Begins a payment by card, before the gateway is asked. `once` names what makes it one and the same: while it is
-- remembered, a repeat gets the payment that there is. The digest of the whole request tells whether it is one.
-- KEYS: {a:ACCT}
-- ARGV: id, funded, charges, gateway, key at the gateway, once, digest, ms to remember once, ms until the job may
-- take over
-- Reply: ok, `new` or `repeat`, id, step (pending, done, failed, cancelled), reason, key, gateway, funded
-- Refusals: conflict (once is known with another digest) · exists (the id) · notfound (no account)
local function payment_begin(account, args)
  local id = check.match(args[1], ID, 'payment id')
  local funded, charges = amounts(args[2], args[3])
  check.match(args[4], '^%l+$', 'gateway')
  check.match(args[5], '^%x+$', 'key')
  local once = key.paid(account, check.match(args[6], '^[dk]:%x+$', 'once'))
  check.match(args[7], '^%x+$', 'digest')
  local remember = check.int(args[8], 0, 7 * 86400000, 'ms to remember')
  local lease = check.int(args[9], 1000, 86400000, 'ms until the job')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local known = redis.call('GET', once)
  if known then
    local digest, old = string.match(known, '^(%x+) (.+)$')
    if digest ~= args[7] then return { 'conflict' } end
    return begun('repeat', read(account, old))
  end
  if redis.call('EXISTS', key.payment(account, id)) == 1 then return { 'exists' } end
  local now = clock.now()
  local payment = { id = id, created = reply.int(now), method = 'Credit Card', funded = reply.int(funded),
    charges = reply.int(charges), status = PENDING, step = 'pending', gateway = args[4], reference = '', reason = '',
    key = args[5], refunded = '0', refunds = '0', once = args[6] }
  write(account, id, payment)
  redis.call('ZADD', key.payments(account), now, id)
  redis.call('ZADD', key.paying(account), now + lease, id)
  if remember > 0 then redis.call('SET', once, args[7] .. ' ' .. id, 'PX', remember) end
  return begun('new', payment)
end

-- A declined card may be tried again: what the digest remembers goes; an Idempotency-Key stays.
local function forget(account, payment)
  if string.sub(payment.once, 1, 2) == 'd:' then redis.call('DEL', key.paid(account, payment.once)) end
end

-- Ends a payment by card with what the gateway said. That a card was charged counts even after it was taken for
-- failed.
-- KEYS: {a:ACCT}
-- ARGV: id, result (done, failed), reference at the gateway, reason
-- Reply: ok, balance, step (also when it had ended before)
-- Refusals: notfound
local function payment_finish(account, args)
  local id = check.match(args[1], ID, 'payment id')
  local result = check.one_of(args[2], RESULTS, 'result')
  check.a_text(args[3], 'reference')
  check.a_text(args[4], 'reason')
  local payment = read(account, id)
  if not payment or payment.gateway == '' then return { 'notfound' } end
  local balance = tonumber(redis.call('HGET', account, 'balance'))
  if result == 'done' and (payment.step == 'pending' or payment.step == 'failed') then
    in_range(account, tonumber(payment.funded))
    balance = book(account, payment, ref_of(id), '')
    write(account, id, { status = DONE, step = 'done', reference = args[3], reason = '', once = '' })
    tell(account, 'payment.completed', payment, '')
  elseif result == 'failed' and payment.step == 'pending' then
    write(account, id, { status = FAILED, step = 'failed', reference = args[3], reason = args[4], once = '' })
    forget(account, payment)
    tell(account, 'payment.failed', payment, args[4])
  end
  redis.call('ZREM', key.paying(account), id)
  return { 'ok', reply.int(balance), redis.call('HGET', key.payment(account, id), 'step') }
end

-- A payment that has arrived by other ways; its lines' ref is the id.
-- KEYS: {a:ACCT}
-- ARGV: id, method (Paypal, Bank, Credit Card), funded, charges, note
-- Reply: ok, balance
-- Refusals: repeat, balance (the id is booked) · notfound (no account)
local function payment_add(account, args)
  local id = check.match(args[1], ID, 'payment id')
  local method = check.one_of(args[2], METHODS, 'method')
  local funded, charges = amounts(args[3], args[4])
  check.a_text(args[5], 'note')
  local balance = redis.call('HGET', account, 'balance')
  if not balance then return { 'notfound' } end
  if ledger.booked(account, id) or redis.call('EXISTS', key.payment(account, id)) == 1 then
    return { 'repeat', balance }
  end
  in_range(account, funded)
  local now = clock.now()
  local payment = { id = id, created = reply.int(now), method = method, funded = reply.int(funded),
    charges = reply.int(charges), status = DONE, step = 'done', refunded = '0', refunds = '0' }
  write(account, id, payment)
  redis.call('ZADD', key.payments(account), now, id)
  local after = book(account, payment, id, args[5])
  tell(account, 'payment.completed', payment, '')
  return { 'ok', reply.int(after) }
end

-- Gives money back: the line is booked now; what came from a gateway is sent back by the job.
-- KEYS: {a:ACCT}
-- ARGV: id, amount (empty: all that is left)
-- Reply: ok, balance, amount, `gateway` when the job sends it or `booked`
-- Refusals: state (not done) · range, most that is left · notfound
local function payment_refund(account, args)
  local id = check.match(args[1], ID, 'payment id')
  local payment = read(account, id)
  if not payment then return { 'notfound' } end
  if payment.step ~= 'done' then return { 'state' } end
  local left = tonumber(payment.funded) - tonumber(payment.refunded)
  local amount = check.int_or_nil(args[2], 1, check.MONEY_MAX, 'amount') or left
  if amount > left or left == 0 then return { 'range', reply.int(left) } end
  in_range(account, -amount)
  local n = tonumber(payment.refunds) + 1
  local balance = ledger.book_once(account, -amount, 'Payment Refund', ref_of(id) .. ':refund:' .. n, id)
  redis.call('HSET', key.payment(account, id), 'refunded', payment.refunded + amount, 'refunds', n,
    'refund_' .. n, amount)
  tell(account, 'payment.refunded', payment, '', amount)
  if payment.gateway == '' then return { 'ok', reply.int(balance), reply.int(amount), 'booked' } end
  redis.call('ZADD', key.paying(account), clock.now(), id .. ' ' .. n)
  return { 'ok', reply.int(balance), reply.int(amount), 'gateway' }
end

-- The gateway has paid a refund back, or never will: then the money is the account's again.
-- KEYS: {a:ACCT}
-- ARGV: id, number of the refund, result (done, failed), reason
-- Reply: ok, balance
-- Refusals: notfound
local function payment_refunded(account, args)
  local id, n = check.match(args[1], ID, 'payment id'), check.id(args[2], 'refund')
  local result = check.one_of(args[3], RESULTS, 'result')
  check.a_text(args[4], 'reason')
  local amount = redis.call('HGET', key.payment(account, id), 'refund_' .. n)
  if not amount then return { 'notfound' } end
  local under_way = redis.call('ZREM', key.paying(account), id .. ' ' .. n) == 1
  local balance = redis.call('HGET', account, 'balance')
  if result == 'failed' and under_way then
    redis.call('HINCRBY', key.payment(account, id), 'refunded', -amount)
    balance = ledger.book_once(account, tonumber(amount), 'Payment Refund',
      ref_of(id) .. ':refund:' .. n .. ':back', 'refused: ' .. args[4])
    tell(account, 'payment.refund_failed', read(account, id), args[4], amount)
    return { 'ok', reply.int(balance) }
  end
  return { 'ok', balance }
end

-- Takes a payment off that did not last: a charge-back, a transfer called back. One that is pending fails.
-- KEYS: {a:ACCT}
-- ARGV: id, note
-- Reply: ok, balance
-- Refusals: state (failed or cancelled) · notfound
local function payment_cancel(account, args)
  local id = check.match(args[1], ID, 'payment id')
  check.a_text(args[2], 'note')
  local payment = read(account, id)
  if not payment then return { 'notfound' } end
  local balance = tonumber(redis.call('HGET', account, 'balance'))
  if payment.step == 'done' then
    local left = tonumber(payment.funded) - tonumber(payment.refunded)
    in_range(account, -left)
    if left > 0 then
      balance = ledger.book_once(account, -left, 'Payment Cancelled', ref_of(id) .. ':cancel', args[2])
    end
  elseif payment.step ~= 'pending' then
    return { 'state' }
  end
  write(account, id, { status = FAILED, step = payment.step == 'done' and 'cancelled' or 'failed', reason = args[2],
    once = '' })
  redis.call('ZREM', key.paying(account), id)
  forget(account, payment)
  tell(account, payment.step == 'done' and 'payment.cancelled' or 'payment.failed', payment, args[2])
  return { 'ok', reply.int(balance) }
end

local LISTED = { 'id', 'created', 'method', 'funded', 'charges', 'status', 'step', 'gateway', 'reference', 'reason',
  'refunded' }

-- Payments, oldest first.
-- KEYS: {a:ACCT}
-- ARGV: id, method, from ms, to ms (all optional filters)
-- Reply: ok, table: id, created, method, funded, charges, status (1 done, 0 pending, 2 failed), step, gateway,
-- reference, reason, refunded
local function payment_list(account, args)
  local id, method = args[1] or '', args[2] or ''
  local from = check.int_or_nil(args[3], 0, check.MS_MAX, 'from') or 0
  local to = check.int_or_nil(args[4], 0, check.MS_MAX, 'to') or check.MS_MAX
  local out = reply.columns(LISTED)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', key.payments(account), from, to)) do
    local v = (id == '' or id == name) and redis.call('HMGET', key.payment(account, name), unpack(LISTED))
    if v and (method == '' or method == v[3]) then reply.row(out, v, #LISTED) end
  end
  return out
end

local DUE = { 'id', 'refund', 'amount', 'created', 'gateway', 'key', 'reference' }

-- What the job has to go on with: charges whose outcome nobody has written down in time, and refunds.
-- KEYS: {a:ACCT}
-- Reply: ok, table: id, refund (number; empty: the charge itself), amount, created, gateway, key, reference
local function payment_due(account)
  local out = reply.columns(DUE)
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', key.paying(account), 0, clock.now())) do
    local id, n = string.match(name, '^(%S+) ?(%d*)$')
    local v = redis.call('HMGET', key.payment(account, id), n == '' and 'funded' or 'refund_' .. n, 'created',
      'gateway', 'key', 'reference')
    reply.row(out, { id, n, v[1], v[2], v[3], v[4], v[5] }, #DUE)
  end
  return out
end

-- Puts off what could not be settled.
-- KEYS: {a:ACCT}
-- ARGV: id, refund (or empty), ms
-- Reply: ok
local function payment_defer(account, args)
  local name = check.match(args[1], ID, 'payment id')
  if args[2] ~= '' then name = name .. ' ' .. check.id(args[2], 'refund') end
  local ms = check.int(args[3], 0, 86400000, 'ms')
  redis.call('ZADD', key.paying(account), 'XX', clock.now() + ms, name)
  return { 'ok' }
end

-- The sandbox's own memory: what it has answered to a key it answers again.
-- KEYS: {a:ACCT}
-- ARGV: key, result (approved, declined), reason
-- Reply: ok, result, reference, reason
local function sandbox_charge(account, args)
  local name = check.match(args[1], '^[%w:]+$', 'key')
  check.match(args[2], '^%l+$', 'result')
  check.a_text(args[3], 'reason')
  if redis.call('EXISTS', account) == 0 then door.misuse('no such account') end
  redis.call('HSETNX', key.sandbox(account), name, args[2] .. '|' .. args[3])
  local result, reason = string.match(redis.call('HGET', key.sandbox(account), name), '^(%l+)|(.*)$')
  return { 'ok', result, 'sandbox-' .. name, reason }
end

-- KEYS: {a:ACCT}
-- ARGV: key
-- Reply: ok, result, reference, reason
-- Refusals: notfound
local function sandbox_get(account, args)
  local name = check.match(args[1], '^[%w:]+$', 'key')
  local value = redis.call('HGET', key.sandbox(account), name)
  if not value then return { 'notfound' } end
  local result, reason = string.match(value, '^(%l+)|(.*)$')
  return { 'ok', result, 'sandbox-' .. name, reason }
end

door.write({ 'payment_begin', key = key.ACCOUNT, args = { 9 }, run = payment_begin })
door.write({ 'payment_finish', key = key.ACCOUNT, args = { 4 }, run = payment_finish })
door.write({ 'payment_add', key = key.ACCOUNT, args = { 5 }, run = payment_add })
door.write({ 'payment_refund', key = key.ACCOUNT, args = { 2 }, run = payment_refund })
door.write({ 'payment_refunded', key = key.ACCOUNT, args = { 4 }, run = payment_refunded })
door.write({ 'payment_cancel', key = key.ACCOUNT, args = { 2 }, run = payment_cancel })
door.read({ 'payment_list', key = key.ACCOUNT, args = { 0, 4 }, run = payment_list })
door.read({ 'payment_due', key = key.ACCOUNT, args = { 0 }, run = payment_due })
door.write({ 'payment_defer', key = key.ACCOUNT, args = { 3 }, run = payment_defer })
door.write({ 'sandbox_charge', key = key.ACCOUNT, args = { 3 }, run = sandbox_charge })
door.read({ 'sandbox_get', key = key.ACCOUNT, args = { 1 }, run = sandbox_get })
