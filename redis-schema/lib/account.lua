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
  in_rate = a_rate, tfn_rate = a_rate, onnet_rate = check.optional(a_rate),
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

-- Copies of what account_auth tells are out of date.
local function tell_change(account)
  redis.call('PUBLISH', key.CHANNEL_ACCOUNTS, key.account_of(account))
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
  tell_change(account)
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

-- A token's value: created, label and scopes, then what else is set as name=value.
local function token_parts(value)
  local created, label, scope, rest = string.match(value, '^(%d+) (%S+) (%S+)(.*)$')
  local token = { created = created, label = label, scope = scope, allow = '', rate = '', burst = '', ends = '' }
  for name, text in string.gmatch(rest, ' (%l+)=(%S+)') do token[name] = text end
  return token
end

local EXTRAS = { 'allow', 'rate', 'burst', 'ends' }

local function token_value(token)
  local out = token.created .. ' ' .. token.label .. ' ' .. token.scope
  for _, name in ipairs(EXTRAS) do
    if token[name] ~= '' then out = out .. ' ' .. name .. '=' .. token[name] end
  end
  return out
end

-- The tokens that have not ended, oldest first, each with its hash.
local function live_tokens(account)
  local all, list, now = redis.call('HGETALL', key.tokens(account)), {}, clock.now()
  for i = 1, #all, 2 do
    local token = token_parts(all[i + 1])
    token.hash = all[i]
    token.left = token.ends ~= '' and token.ends - now or ''
    if token.ends == '' or token.left > 0 then list[#list + 1] = token end
  end
  table.sort(list, function(a, b)
    if a.created == b.created then return a.hash < b.hash end
    return tonumber(a.created) < tonumber(b.created)
  end)
  return list
end

-- What is needed to check a token.
-- KEYS: {a:ACCT}
-- Reply: ok, status, then for each token: hash, label, scopes (by comma), allow (networks by comma), rate (requests
--   a minute), burst, ms left (empty: no end); an empty one of these is not set
-- Refusals: notfound
local function account_auth(account)
  local status = redis.call('HGET', account, 'status')
  if not status then return { 'notfound' } end
  local out = { 'ok', status }
  for _, t in ipairs(live_tokens(account)) do
    reply.row(out, { t.hash, t.label, t.scope, t.allow, t.rate, t.burst,
      t.left == '' and '' or reply.int(t.left) }, 7)
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

local function a_hash(text) return check.match(text, '^' .. string.rep('%x', 64) .. '$', 'hash') end

local SCOPES = { all = true, read = true, write = true, billing = true }

local function a_scope(text)
  check.match(text, '^[%l,]+$', 'scope')
  for word in string.gmatch(text .. ',', '([^,]*),') do check.one_of(word, SCOPES, 'scope') end
  return text
end

-- Takes those that have ended away; whether there is room for one more.
local function token_room(account, most)
  local live = live_tokens(account)
  if #live < redis.call('HLEN', key.tokens(account)) then
    redis.call('DEL', key.tokens(account))
    for _, t in ipairs(live) do redis.call('HSET', key.tokens(account), t.hash, token_value(t)) end
  end
  return #live < most
end

local function an_allow(text)
  if text and text ~= '' then
    if #text > 2000 or not string.find(text, '^[%x.:,/]+$') then door.misuse('malformed allow') end
  end
  return text or ''
end

-- KEYS: {a:ACCT}
-- ARGV: SHA-256 hex of the token, label, scopes (by comma: all, read, write, billing), most tokens; optional, empty
--   for none of its own: networks that it may be used from (by comma), requests a minute, burst
-- Reply: ok
-- Refusals: notfound · exists · limit
local function token_add(account, args)
  local hash = a_hash(args[1])
  local label = check.match(args[2] == '' and '-' or args[2], check.WORD, 'label')
  local most = check.int(args[4], 1, 1000, 'most tokens')
  local token = { label = label, scope = a_scope(args[3]), allow = an_allow(args[5]), rate = args[6] or '',
    burst = args[7] or '', ends = '' }
  check.int_or_nil(token.rate, 1, 100000000, 'rate')
  check.int_or_nil(token.burst, 1, 1000000, 'burst')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  if redis.call('HEXISTS', key.tokens(account), hash) == 1 then return { 'exists' } end
  if not token_room(account, most) then return { 'limit' } end
  token.created = reply.int(clock.now())
  redis.call('HSET', key.tokens(account), hash, token_value(token))
  tell_change(account)
  return { 'ok' }
end

-- The live token of a hash or label.
local function find_token(account, wanted)
  for _, t in ipairs(live_tokens(account)) do
    if t.hash == wanted or t.label == wanted then return t end
  end
end

-- A new token takes the place of an old one, with its label and all that it may do. The old one lives on for a
-- while, its label ending in `-old`.
-- KEYS: {a:ACCT}
-- ARGV: hash or label of the old one, SHA-256 hex of the new one, ms that the old one lives on (0: not), most tokens
-- Reply: ok, label, scopes
-- Refusals: notfound · exists (the hash, or another token of the old one's new label) · limit
local function token_rotate(account, args)
  local hash, keep = a_hash(args[2]), check.int(args[3], 0, check.AGO_MAX_MS, 'ms')
  local most, tokens = check.int(args[4], 1, 1000, 'most tokens'), key.tokens(account)
  local old = find_token(account, args[1])
  if not old then return { 'notfound' } end
  local new, resting = token_parts(token_value(old)), old.label .. '-old'
  if redis.call('HEXISTS', tokens, hash) == 1 then return { 'exists' } end
  if keep > 0 and find_token(account, resting) then return { 'exists' } end
  if keep > 0 and not token_room(account, most) then return { 'limit' } end
  local now = clock.now()
  if keep > 0 then
    old.label, old.ends = resting, reply.int(now + keep)
    redis.call('HSET', tokens, old.hash, token_value(old))
  else
    redis.call('HDEL', tokens, old.hash)
  end
  new.created, new.ends = reply.int(now), ''
  redis.call('HSET', tokens, hash, token_value(new))
  tell_change(account)
  return { 'ok', new.label, new.scope }
end

local TOKEN = { 'hash', 'created', 'label', 'scope', 'allow', 'rate', 'burst', 'ends' }

-- KEYS: {a:ACCT}
-- Reply: ok, table: hash, created, label, scope, allow, rate, burst, ends (ms; empty: no end), oldest first
-- Refusals: notfound
local function token_list(account)
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local out = reply.columns(TOKEN)
  for _, t in ipairs(live_tokens(account)) do
    local row = {}
    for i, name in ipairs(TOKEN) do row[i] = t[name] end
    reply.row(out, row, #TOKEN)
  end
  return out
end

-- KEYS: {a:ACCT}
-- ARGV: hash or label
-- Reply: ok, number of tokens removed
-- Refusals: notfound
local function token_revoke(account, args)
  local removed = 0
  for _, t in ipairs(live_tokens(account)) do
    if t.hash == args[1] or t.label == args[1] then
      removed = removed + redis.call('HDEL', key.tokens(account), t.hash)
    end
  end
  if removed == 0 then return { 'notfound' } end
  tell_change(account)
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
door.write({ 'token_add', key = key.ACCOUNT, args = { 4, 7 }, run = token_add })
door.write({ 'token_rotate', key = key.ACCOUNT, args = { 4 }, run = token_rotate })
door.read({ 'token_list', key = key.ACCOUNT, args = { 0 }, run = token_list })
door.write({ 'token_revoke', key = key.ACCOUNT, args = { 1 }, run = token_revoke })
door.write({ 'request_begin', aside = true, key = key.ACCOUNT, args = { 3 }, run = request_begin })
door.write({ 'request_finish', aside = true, key = key.ACCOUNT, args = { 4 }, run = request_finish })
door.write({ 'request_drop', aside = true, key = key.ACCOUNT, args = { 2 }, run = request_drop })
