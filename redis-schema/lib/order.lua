#!lua name=trunkline_order
--@use door check clock key reply event ledger number price

local MANY = 100000

-- The open cart's hash, or nil when there is none or it has expired.
local function open_cart(account, cart)
  local v = redis.call('HMGET', key.cart(account, cart), 'category', 'expires')
  if not v[1] then return nil end
  local expires = tonumber(v[2])
  if expires > 0 and expires <= clock.now() then return nil end
  return { category = v[1], expires = v[2] }
end

local function drop_cart(account, cart, category)
  redis.call('DEL', key.cart(account, cart), key.cart_numbers(account, cart))
  if redis.call('HGET', key.carts(account), category) == cart then
    redis.call('HDEL', key.carts(account), category)
  end
end

-- The open cart of a category; an expired one makes way.
-- KEYS: {a:ACCT}
-- ARGV: category, id to use if none is open (empty: open none)
-- Reply: ok, cart id
-- Refusals: notfound (no account) · none (no id was given, and none is open)
local function cart_open(account, args)
  local category = check.one_of(args[1], price.CATEGORIES, 'category')
  local id = args[2] ~= '' and check.id(args[2], 'cart id')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local old = redis.call('HGET', key.carts(account), category)
  if old then
    if open_cart(account, old) then return { 'ok', old } end
    drop_cart(account, old, category)
  end
  if not id then return { 'none' } end
  redis.call('HSET', key.carts(account), category, id)
  redis.call('HSET', key.cart(account, id), 'category', category, 'created', clock.now(), 'expires', 0)
  return { 'ok', id }
end

-- Puts held numbers into a cart; the cart expires with their hold.
-- KEYS: {a:ACCT}
-- ARGV: cart, expires ms (a time, as inv_hold gave it), then number, state…
-- Reply: ok
-- Refusals: notfound (none, or expired)
local function cart_add(account, args)
  local cart = check.id(args[1], 'cart id')
  local expires = check.int(args[2], 1000000000000, check.MS_MAX, 'expires')
  if #args % 2 ~= 0 then door.misuse('a number without a state') end
  for i = 3, #args, 2 do
    check.number(args[i])
    check.match(args[i + 1], '^%a%a$', 'state')
  end
  if not open_cart(account, cart) then return { 'notfound' } end
  for i = 3, #args, 2 do redis.call('HSET', key.cart_numbers(account, cart), args[i], args[i + 1]) end
  redis.call('HSET', key.cart(account, cart), 'expires', expires)
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- ARGV: cart
-- Reply: ok, category, expires, then number, state…
-- Refusals: notfound (none, or expired)
local function cart_get(account, args)
  local id = check.id(args[1], 'cart id')
  local cart = open_cart(account, id)
  if not cart then return { 'notfound' } end
  local numbers = redis.call('HGETALL', key.cart_numbers(account, id))
  return reply.append({ 'ok', cart.category, cart.expires }, numbers)
end

-- Takes numbers out of a cart; an emptied cart stays open. The caller releases what was removed.
-- KEYS: {a:ACCT}
-- ARGV: cart, numbers… (none: all)
-- Reply: ok, then number, state… of those that were in the cart
-- Refusals: notfound (none, or expired)
local function cart_remove(account, args)
  local cart = check.id(args[1], 'cart id')
  for i = 2, #args do check.number(args[i]) end
  if not open_cart(account, cart) then return { 'notfound' } end
  local numbers = key.cart_numbers(account, cart)
  local names, out = args, { 'ok' }
  if #args == 1 then names = reply.append({ cart }, redis.call('HKEYS', numbers)) end
  for i = 2, #names do
    local state = redis.call('HGET', numbers, names[i])
    if state then
      redis.call('HDEL', numbers, names[i])
      reply.append(out, { names[i], state })
    end
  end
  if redis.call('EXISTS', numbers) == 0 then redis.call('HSET', key.cart(account, cart), 'expires', 0) end
  return out
end

local FIELDS = { 'id', 'cart', 'tg', 'category', 'type', 'order_type', 'created', 'expires', 'count', 'amount',
  'per_order_cost', 'taxes', 'other_charges', 'discount', 'monthly', 'sessions', 'status', 'step' }

-- An order's fields by name, or nil. One that was not paid in time reads as cancelled.
local function read_order(account, id)
  local values = redis.call('HMGET', key.order(account, id), unpack(FIELDS))
  if not values[1] then return nil end
  local order = {}
  for i, field in ipairs(FIELDS) do order[field] = values[i] or '' end
  if order.step == 'open' and tonumber(order.expires) <= clock.now() then
    order.status, order.step = '0', 'cancelled'
  end
  return order
end

local function order_reply(account, order)
  local out = { 'ok', reply.int(#FIELDS) }
  for _, field in ipairs(FIELDS) do reply.append(out, { field, order[field] }) end
  return reply.append(out, number.read(key.order_numbers(account, order.id)))
end

-- Tells the webhooks of an order's change; numbers: number, state…
local function tell(account, kind, order, numbers)
  event.add(account, kind, { 'orderId', order.id, 'tg_id', order.tg, 'didCategory', order.category, 'didType',
    order.type, 'amount', event.money(order.amount), 'count', order.count, 'numbers', event.numbers(numbers) })
end

local function write_order(account, order, numbers)
  for _, field in ipairs(FIELDS) do
    redis.call('HSET', key.order(account, order.id), field, order[field])
  end
  number.write(key.order_numbers(account, order.id), numbers)
  redis.call('ZADD', key.orders(account), order.id, order.id)
end

-- Turns a cart into an order, priced with the account's rates. Repeated for the same order and cart it
-- answers the same.
-- KEYS: {a:ACCT}
-- ARGV: order id, cart, tg, expires after ms
-- Reply: as order_get
-- Refusals: notfound (cart) · trunk (no such origination trunk) · empty
local function order_create(account, args)
  local id, cart = check.id(args[1], 'order id'), check.id(args[2], 'cart id')
  local tg = check.id(args[3], 'trunk id')
  local life = check.int(args[4], 1, 366 * 86400000, 'expires after')
  local old = read_order(account, id)
  if old then
    if old.cart ~= cart then door.misuse('order id was given out before') end
    return order_reply(account, old)
  end
  local open = open_cart(account, cart)
  if not open then return { 'notfound' } end
  local trunk = redis.call('HMGET', key.trunk(account, tg), 'kind', 'billing', 'sessions')
  if trunk[1] ~= 'in' then return { 'trunk' } end
  local numbers = redis.call('HGETALL', key.cart_numbers(account, cart))
  if #numbers == 0 then return { 'empty' } end
  local now = clock.now()
  local order = { id = id, cart = cart, tg = tg, category = open.category, type = trunk[2] or '',
    order_type = 'New', created = reply.int(now), expires = reply.int(now + life),
    count = reply.int(#numbers / 2), sessions = trunk[3] or '', status = '1', step = 'open' }
  price.order(account, order)
  write_order(account, order, numbers)
  drop_cart(account, cart, open.category)
  tell(account, 'order.created', order, numbers)
  return order_reply(account, order)
end

-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, number of pairs, field, value…, then number, state…
-- Refusals: notfound
local function order_get(account, args)
  local order = read_order(account, check.id(args[1], 'order id'))
  if not order then return { 'notfound' } end
  return order_reply(account, order)
end

-- KEYS: {a:ACCT}
-- Reply: ok, order ids, ascending
local function order_list(account)
  return reply.append({ 'ok' }, redis.call('ZRANGE', key.orders(account), 0, -1))
end

local function saga(order)
  return 'order:' .. order.id
end

-- What the order's run holds must be let go, even if that run is no more.
local function enter_release(account, order)
  redis.call('HDEL', key.sagas(account), saga(order))
  redis.call('HSET', key.sagas(account), 'release:' .. order.id, clock.now())
end

local function set_step(account, order, step)
  redis.call('HSET', key.order(account, order.id), 'step', step)
end

-- First step of processing; repeated it tells how far the order is.
-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, step (started, paid, done)
-- Refusals: notfound · cancelled (or expired) · insufficient
local function order_start(account, args)
  local order = read_order(account, check.id(args[1], 'order id'))
  if not order then return { 'notfound' } end
  if order.step == 'cancelled' then return { 'cancelled' } end
  if order.step ~= 'open' then return { 'ok', order.step } end
  if ledger.available(account) < tonumber(order.amount) then return { 'insufficient' } end
  set_step(account, order, 'started')
  redis.call('HSET', key.sagas(account), saga(order), clock.now())
  return { 'ok', 'started' }
end

-- Debits the order's amount once.
-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, balance (also when it was paid before)
-- Refusals: insufficient (the step is open again; or it was not started) · notfound · cancelled. All but notfound
-- enter `release:ID` into sagas.
local function order_pay(account, args)
  local order = read_order(account, check.id(args[1], 'order id'))
  if not order then return { 'notfound' } end
  if order.step == 'cancelled' or order.step == 'open' then
    enter_release(account, order)
    return { order.step == 'open' and 'insufficient' or 'cancelled' }
  end
  if order.step ~= 'started' then return { 'ok', redis.call('HGET', account, 'balance') } end
  local balance = ledger.pay(account, tonumber(order.amount), 'Order (New DIDs)', saga(order))
  if not balance then
    set_step(account, order, 'open')
    enter_release(account, order)
    return { 'insufficient' }
  end
  set_step(account, order, 'paid')
  return { 'ok', reply.int(balance) }
end

-- Puts a paid order's numbers into service.
-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok (also when it was complete before)
-- Refusals: notfound · unpaid
local function order_complete(account, args)
  local order = read_order(account, check.id(args[1], 'order id'))
  if not order then return { 'notfound' } end
  if order.step == 'done' then return { 'ok' } end
  if order.step ~= 'paid' then return { 'unpaid' } end
  local numbers = number.read(key.order_numbers(account, order.id))
  for i = 1, #numbers, 2 do
    redis.call('HSET', key.numbers(account), numbers[i], number.pack(order.tg, '1', order.id, numbers[i + 1], ''))
  end
  redis.call('HSET', key.order(account, order.id), 'step', 'done', 'status', '2', 'since', reply.int(clock.now()))
  tell(account, 'order.processed', order, numbers)
  return { 'ok' }
end

-- Cancels an order that is not paid; the caller frees the numbers then.
-- KEYS: {a:ACCT}
-- ARGV: order
-- Reply: ok, then number, state… (also when it was cancelled or expired before)
-- Refusals: notfound · processed (paid or done)
local function order_cancel(account, args)
  local order = read_order(account, check.id(args[1], 'order id'))
  if not order then return { 'notfound' } end
  if order.step == 'paid' or order.step == 'done' then return { 'processed' } end
  local numbers = number.read(key.order_numbers(account, order.id))
  if redis.call('HGET', key.order(account, order.id), 'step') ~= 'cancelled' then
    redis.call('HSET', key.order(account, order.id), 'step', 'cancelled', 'status', '0')
    tell(account, 'order.cancelled', order, numbers)
  end
  enter_release(account, order)
  return reply.append({ 'ok' }, numbers)
end

door.write({ 'cart_open', aside = true, key = key.ACCOUNT, args = { 2 }, run = cart_open })
door.write({ 'cart_add', aside = true, key = key.ACCOUNT, args = { 4, MANY }, run = cart_add })
door.read({ 'cart_get', key = key.ACCOUNT, args = { 1 }, run = cart_get })
door.write({ 'cart_remove', aside = true, key = key.ACCOUNT, args = { 1, MANY }, run = cart_remove })
door.write({ 'order_create', key = key.ACCOUNT, args = { 4 }, run = order_create })
door.read({ 'order_get', key = key.ACCOUNT, args = { 1 }, run = order_get })
door.read({ 'order_list', key = key.ACCOUNT, args = { 0 }, run = order_list })
door.write({ 'order_start', key = key.ACCOUNT, args = { 1 }, run = order_start })
door.write({ 'order_pay', key = key.ACCOUNT, args = { 1 }, run = order_pay })
door.write({ 'order_complete', key = key.ACCOUNT, args = { 1 }, run = order_complete })
door.write({ 'order_cancel', key = key.ACCOUNT, args = { 1 }, run = order_cancel })
