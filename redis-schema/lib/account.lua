#!lua name=trunkline_account
--@use door check clock key reply ledger

local a_rate = check.a_range(0, check.RATE_MAX)
local a_fee = check.a_range(0, 10000000000)

-- Fields that callers may set: rule and value of a new account.
local RULES = {
  name = check.a_text,
  status = check.a_choice({ ['0'] = true, ['1'] = true }),
  kind = check.a_choice({ live = true, sandbox = true }),
  sessions = check.optional(check.a_range(0, 1000000)),
  deck = check.a_match('^[%w_.%-]+$'),
  did_monthly = a_fee, did_setup = a_fee, tfn_monthly = a_fee, tfn_setup = a_fee,
  per_order_cost = a_fee, other_charges = a_fee,
  tax_bp = check.a_range(0, 10000), discount_bp = check.a_range(0, 10000), call_tax_bp = check.a_range(0, 10000),
  in_rate = a_rate, tfn_rate = a_rate,
  in_increment = check.a_range(1, 3600), in_minimum = check.a_range(0, 3600),
  topup = check.optional(a_fee), low_balance = check.optional(check.a_range(-check.MONEY_MAX, check.MONEY_MAX)),
  bill_day = check.a_range(1, 28),
}
local DEFAULTS = {
  'name', '', 'status', '1', 'kind', 'live', 'sessions', '', 'deck', 'default',
  'did_monthly', '0', 'did_setup', '0', 'tfn_monthly', '0', 'tfn_setup', '0', 'per_order_cost', '0',
  'other_charges', '0', 'tax_bp', '0', 'discount_bp', '0', 'call_tax_bp', '0', 'in_rate', '0', 'tfn_rate', '0',
  'in_increment', '6', 'in_minimum', '6',
}

local function set_fields(account, args, from)
  for i = from, #args, 2 do redis.call('HSET', account, args[i], args[i + 1]) end
end

-- KEYS: {a:ACCT}
-- ARGV: id, field, value…
-- Reply: ok
-- Refusals: exists
local function account_create(account, args)
  local id = check.match(args[1], '^[%w_.%-]+$', 'id')
  if account ~= '{a:' .. id .. '}' then door.misuse('id and key differ') end
  check.fields(args, 2, RULES)
  if redis.call('EXISTS', account) == 1 then return { 'exists' } end
  redis.call('HSET', account, 'id', id, 'created', clock.now(), 'balance', 0, unpack(DEFAULTS))
  set_fields(account, args, 2)
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- ARGV: field, value…
-- Reply: ok
-- Refusals: notfound
local function account_set(account, args)
  check.fields(args, 1, RULES)
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  set_fields(account, args, 1)
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- Reply: ok, field, value…
-- Refusals: notfound
local function account_get(account)
  local fields = redis.call('HGETALL', account)
  if #fields == 0 then return { 'notfound' } end
  return reply.append({ 'ok' }, fields)
end

-- A token's value: created, label, scope; the scope may hold spaces.
local function token_parts(value)
  return string.match(value, '^(%d+) (%S+) (.*)$')
end

-- What is needed to check a token.
-- KEYS: {a:ACCT}
-- Reply: ok, status, then for each token: hash, scope
-- Refusals: notfound
local function account_auth(account)
  local status = redis.call('HGET', account, 'status')
  if not status then return { 'notfound' } end
  local out = { 'ok', status }
  local tokens = redis.call('HGETALL', key.tokens(account))
  for i = 1, #tokens, 2 do
    local _, _, scope = token_parts(tokens[i + 1])
    out[#out + 1] = tokens[i]
    out[#out + 1] = scope
  end
  return out
end

-- Books a line in the ledger, a ref once.
-- KEYS: {a:ACCT}
-- ARGV: amount (signed), activity, ref, note, floor (lowest balance, less what live calls hold, allowed after; empty:
--   none)
-- Reply: ok, balance
-- Refusals: repeat, balance (the ref is booked) · insufficient, balance · notfound
local function account_book(account, args)
  local amount = check.int(args[1], -check.MONEY_MAX, check.MONEY_MAX, 'amount')
  local activity = check.match(args[2], '^%C+$', 'activity')
  local ref = check.match(args[3], check.WORD, 'ref')
  local floor = check.int_or_nil(args[5], -check.MONEY_MAX, check.MONEY_MAX, 'floor')
  local balance = tonumber(redis.call('HGET', account, 'balance'))
  if not balance then return { 'notfound' } end
  if ledger.booked(account, ref) then return { 'repeat', reply.int(balance) } end
  if floor and ledger.available(account) + amount < floor then return { 'insufficient', reply.int(balance) } end
  if math.abs(balance + amount) > check.MONEY_MAX then door.misuse('balance out of range') end
  return { 'ok', reply.int(ledger.book_once(account, amount, activity, ref, args[4])) }
end

local LINE = { 'id', 'activity', 'amount', 'balance', 'ref', 'note' }

-- KEYS: {a:ACCT}
-- ARGV: id of the line to go on after, most lines (both optional: all of them)
-- Reply: ok, table: id, activity, amount, balance, ref, note, oldest first
local function ledger_list(account, args)
  local from, most = '-', check.int_or_nil(args[2], 1, 1000000, 'most') or 1000000000
  if args[1] and args[1] ~= '' then from = '(' .. check.match(args[1], '^%d+%-%d+$', 'line id') end
  local out = reply.columns(LINE)
  for _, line in ipairs(redis.call('XRANGE', key.ledger(account), from, '+', 'COUNT', most)) do
    local f = line[2]
    reply.row(out, { line[1], f[2], f[4], f[6], f[8], f[10] }, #LINE)
  end
  return out
end

-- KEYS: {a:ACCT}
-- ARGV: SHA-256 hex of the token, label, scope, most tokens
-- Reply: ok
-- Refusals: notfound · exists · limit
local function token_add(account, args)
  local hash = check.match(args[1], '^' .. string.rep('%x', 64) .. '$', 'hash')
  local label = check.match(args[2] == '' and '-' or args[2], check.WORD, 'label')
  local scope = check.match(args[3], '^%C+$', 'scope')
  local most = check.int(args[4], 1, 1000, 'most tokens')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local tokens = key.tokens(account)
  if redis.call('HEXISTS', tokens, hash) == 1 then return { 'exists' } end
  if redis.call('HLEN', tokens) >= most then return { 'limit' } end
  redis.call('HSET', tokens, hash, reply.int(clock.now()) .. ' ' .. label .. ' ' .. scope)
  return { 'ok' }
end

local TOKEN = { 'hash', 'created', 'label', 'scope' }

-- KEYS: {a:ACCT}
-- Reply: ok, table: hash, created, label, scope, oldest first
-- Refusals: notfound
local function token_list(account)
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local tokens, rows = redis.call('HGETALL', key.tokens(account)), {}
  for i = 1, #tokens, 2 do rows[#rows + 1] = { tokens[i], token_parts(tokens[i + 1]) } end
  table.sort(rows, function(a, b)
    if a[2] == b[2] then return a[1] < b[1] end
    return tonumber(a[2]) < tonumber(b[2])
  end)
  local out = reply.columns(TOKEN)
  for _, row in ipairs(rows) do reply.row(out, row, #TOKEN) end
  return out
end

-- KEYS: {a:ACCT}
-- ARGV: hash or label
-- Reply: ok, number of tokens removed
-- Refusals: notfound
local function token_revoke(account, args)
  local tokens, removed = key.tokens(account), 0
  local all = redis.call('HGETALL', tokens)
  for i = 1, #all, 2 do
    local _, label = token_parts(all[i + 1])
    if all[i] == args[1] or label == args[1] then
      removed = removed + redis.call('HDEL', tokens, all[i])
    end
  end
  if removed == 0 then return { 'notfound' } end
  return { 'ok', reply.int(removed) }
end

local HEX = '^[0-9a-f]+$'
local REQUEST_MS = 86400000 -- longest life of a remembered request

-- A write with an Idempotency-Key begins, unless it is known.
-- KEYS: {a:ACCT}
-- ARGV: name (hex), digest of the request (hex), ms that it may take
-- Reply: ok, new · ok, done, what request_finish kept
-- Refusals: conflict (another request has that name) · busy (the same one is under way) · notfound
local function request_begin(account, args)
  local name, digest = check.match(args[1], HEX, 'name'), check.match(args[2], HEX, 'digest')
  local ms = check.int(args[3], 1, REQUEST_MS, 'ms')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local request = key.request(account, name)
  local known = redis.call('HMGET', request, 'digest', 'reply')
  if not known[1] then
    redis.call('HSET', request, 'digest', digest)
    redis.call('PEXPIRE', request, ms)
    return { 'ok', 'new' }
  end
  if known[1] ~= digest then return { 'conflict' } end
  if not known[2] then return { 'busy' } end
  return { 'ok', 'done', known[2] }
end

-- Keeps the reply, also of a request that took longer than it might; the first one counts.
-- KEYS: {a:ACCT}
-- ARGV: name, digest, ms to keep it, reply
-- Reply: ok
-- Refusals: conflict (another request has that name by now) · notfound
local function request_finish(account, args)
  local name, digest = check.match(args[1], HEX, 'name'), check.match(args[2], HEX, 'digest')
  local ms = check.int(args[3], 1, REQUEST_MS, 'ms')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local request = key.request(account, name)
  local known = redis.call('HGET', request, 'digest')
  if known and known ~= digest then return { 'conflict' } end
  redis.call('HSET', request, 'digest', digest)
  if redis.call('HSETNX', request, 'reply', args[4]) == 1 then redis.call('PEXPIRE', request, ms) end
  return { 'ok' }
end

-- Forgets a request that came to nothing.
-- KEYS: {a:ACCT}
-- ARGV: name, digest
-- Reply: ok (also when there is none, another, or one with a reply: those stay)
local function request_drop(account, args)
  local name, digest = check.match(args[1], HEX, 'name'), check.match(args[2], HEX, 'digest')
  local request = key.request(account, name)
  local known = redis.call('HMGET', request, 'digest', 'reply')
  if known[1] == digest and not known[2] then redis.call('DEL', request) end
  return { 'ok' }
end

door.write({ 'account_create', key = key.ACCOUNT, args = { 1, 99 }, run = account_create })
door.write({ 'account_set', key = key.ACCOUNT, args = { 2, 98 }, run = account_set })
door.read({ 'account_get', key = key.ACCOUNT, args = { 0 }, run = account_get })
door.read({ 'account_auth', key = key.ACCOUNT, args = { 0 }, run = account_auth })
door.write({ 'account_book', key = key.ACCOUNT, args = { 5 }, run = account_book })
door.read({ 'ledger_list', key = key.ACCOUNT, args = { 0, 2 }, run = ledger_list })
door.write({ 'token_add', key = key.ACCOUNT, args = { 4 }, run = token_add })
door.read({ 'token_list', key = key.ACCOUNT, args = { 0 }, run = token_list })
door.write({ 'token_revoke', key = key.ACCOUNT, args = { 1 }, run = token_revoke })
door.write({ 'request_begin', key = key.ACCOUNT, args = { 3 }, run = request_begin })
door.write({ 'request_finish', key = key.ACCOUNT, args = { 4 }, run = request_finish })
door.write({ 'request_drop', key = key.ACCOUNT, args = { 2 }, run = request_drop })
