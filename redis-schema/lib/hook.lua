#!lua name=trunkline_hook
--@use door check clock key reply event

local URL_MAX = 512
local HOUR_MS = 3600000
local ENTRY = '^%d+%-%d+$'

local function a_url(url)
  if #url > URL_MAX or not string.find(url, '^https?://[!-~]+$') then door.misuse('malformed url') end
  return url
end

local function a_secret(text)
  return check.match(text, '^' .. string.rep('%x', 64) .. '$', 'secret')
end

-- `all`, or kinds of events by comma.
local function an_events(text)
  if text == 'all' then return text end
  for kind in string.gmatch(text .. ',', '([^,]*),') do check.one_of(kind, event.KINDS, 'kind of event') end
  return text
end

local RULES = { url = a_url, events = an_events, status = check.a_choice({ ['0'] = true, ['1'] = true }) }

-- The webhook's key; nil when there is none of that id.
local function find(account, id)
  local hook = key.hook(account, check.id(id, 'webhook id'))
  return redis.call('EXISTS', hook) == 1 and hook or nil
end

-- A new webhook gets the events from now on. The secret signs what is sent, so it is kept as it is.
-- KEYS: {a:ACCT}
-- ARGV: id, url, events (`all`, or order, port, balance, payment, invoice by comma), secret (64 hex digits), most
-- webhooks of the account
-- Reply: ok
-- Refusals: limit · exists (the id, or a webhook with that url) · notfound (no account)
local function hook_add(account, args)
  local id, url, events = check.id(args[1], 'webhook id'), a_url(args[2]), an_events(args[3])
  local secret, most = a_secret(args[4]), check.int(args[5], 1, 100, 'most webhooks')
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local n = 0
  local hooks = redis.call('HGETALL', key.hooks(account))
  for i = 1, #hooks, 2 do
    if hooks[i] ~= 'events' then
      n = n + 1
      local known = redis.call('HGET', key.hook(account, hooks[i]), 'url')
      if hooks[i] == id or known == url then return { 'exists' } end
    end
  end
  if n >= most then return { 'limit' } end
  redis.call('HSET', key.hooks(account), id, events)
  redis.call('HSET', key.hook(account, id), 'id', id, 'url', url, 'secret', secret, 'status', '1', 'created',
    clock.now(), 'tries', 0, 'due', 0, 'delivered', 0)
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- ARGV: id, field, value… (url, events, status: 1 active, 0 paused: events wait)
-- Reply: ok; what waits is tried at once
-- Refusals: notfound
local function hook_set(account, args)
  check.fields(args, 2, RULES)
  local hook = find(account, args[1])
  if not hook then return { 'notfound' } end
  for i = 2, #args, 2 do
    if args[i] == 'events' then
      redis.call('HSET', key.hooks(account), args[1], args[i + 1])
    else
      redis.call('HSET', hook, args[i], args[i + 1])
    end
  end
  redis.call('HSET', hook, 'due', 0)
  return { 'ok' }
end

-- Signs with a new secret, and for some time with the old one, too.
-- KEYS: {a:ACCT}
-- ARGV: id, secret, ms that the old one is used on
-- Reply: ok (also when it is the secret already)
-- Refusals: notfound
local function hook_rotate(account, args)
  local secret, ms = a_secret(args[2]), check.int(args[3], 0, 720 * HOUR_MS, 'ms')
  local hook = find(account, args[1])
  if not hook then return { 'notfound' } end
  local old = redis.call('HGET', hook, 'secret')
  if old ~= secret then
    redis.call('HSET', hook, 'secret', secret, 'previous', old, 'previous_until', clock.now() + ms)
  end
  return { 'ok' }
end

-- Removes a webhook with all that waits there.
-- KEYS: {a:ACCT}
-- ARGV: id
-- Reply: ok, webhooks left
-- Refusals: notfound
local function hook_remove(account, args)
  local hook = find(account, args[1])
  if not hook then return { 'notfound' } end
  redis.call('DEL', hook, key.hook_queue(hook), key.hook_dead(hook))
  redis.call('HDEL', key.hooks(account), args[1])
  local left = redis.call('HLEN', key.hooks(account)) - redis.call('HEXISTS', key.hooks(account), 'events')
  return { 'ok', reply.int(left) }
end

-- Ids of the account's webhooks, ascending.
local function ids(account)
  local out = {}
  for _, id in ipairs(redis.call('HKEYS', key.hooks(account))) do
    if id ~= 'events' then out[#out + 1] = id end
  end
  table.sort(out, function(a, b) return tonumber(a) < tonumber(b) end)
  return out
end

local OWN = { 'id', 'url', 'status', 'created', 'tries', 'due', 'failure', 'failed_at', 'delivered', 'delivered_at' }
local LISTED = reply.append(reply.append({}, OWN), { 'events', 'waiting', 'dead' })

-- KEYS: {a:ACCT}
-- Reply: ok, table: id, url, status, created, tries (of the first that waits), due (ms of the next one), failure (the
-- last), failed_at, delivered (how many), delivered_at, events, waiting, dead (how many)
-- Refusals: notfound (no account)
local function hook_list(account)
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local out = reply.columns(LISTED)
  for _, id in ipairs(ids(account)) do
    local hook = key.hook(account, id)
    local row = redis.call('HMGET', hook, unpack(OWN))
    row[#OWN + 1] = redis.call('HGET', key.hooks(account), id)
    row[#OWN + 2] = reply.int(redis.call('XLEN', key.hook_queue(hook)))
    row[#OWN + 3] = reply.int(redis.call('XLEN', key.hook_dead(hook)))
    reply.row(out, row, #LISTED)
  end
  return out
end

local DUE = { 'hook', 'url', 'secret', 'previous', 'entry', 'event', 'type', 'at', 'data', 'tries' }

-- The first event of each queue whose time has come: a queue is delivered in its order.
-- KEYS: {a:ACCT}
-- ARGV: id (optional: of this webhook alone)
-- Reply: ok, table: hook, url, secret, previous (secret that still counts, or empty), entry, event, type, at (ms),
-- data (JSON), tries (that have failed)
local function hook_due(account, args)
  local out, now = reply.columns(DUE), clock.now()
  for _, id in ipairs(args[1] and { check.id(args[1], 'webhook id') } or ids(account)) do
    local hook = key.hook(account, id)
    local v = redis.call('HMGET', hook, 'status', 'due', 'url', 'secret', 'previous', 'previous_until', 'tries')
    local first = v[1] == '1' and tonumber(v[2]) <= now
      and redis.call('XRANGE', key.hook_queue(hook), '-', '+', 'COUNT', 1)[1]
    if first then
      local f, previous = first[2], tonumber(v[6] or 0) > now and v[5] or ''
      reply.row(out, { id, v[3], v[4], previous, first[1], f[2], f[4], f[6], f[8], v[7] }, #DUE)
    end
  end
  return out
end

-- An event has arrived: it leaves the queue.
-- KEYS: {a:ACCT}
-- ARGV: id, entry
-- Reply: ok (also when it had left)
-- Refusals: notfound
local function hook_done(account, args)
  local entry, hook = check.match(args[2], ENTRY, 'entry'), find(account, args[1])
  if not hook then return { 'notfound' } end
  if redis.call('XDEL', key.hook_queue(hook), entry) == 1 then
    redis.call('HINCRBY', hook, 'delivered', 1)
    redis.call('HSET', hook, 'tries', 0, 'due', 0, 'delivered_at', clock.now())
    redis.call('HDEL', hook, 'failure', 'failed_at')
  end
  return { 'ok' }
end

-- An event did not arrive: it is tried again, or goes to the dead ones when it was tried often enough.
-- KEYS: {a:ACCT}
-- ARGV: id, entry, tries before this one, most tries, ms until the next, what went wrong
-- Reply: ok, `waits` or `dead` (also when that was told before)
-- Refusals: notfound
local function hook_fail(account, args)
  local entry, before = check.match(args[2], ENTRY, 'entry'), check.int(args[3], 0, 1000, 'tries')
  local most, wait = check.int(args[4], 1, 1000, 'most tries'), check.int(args[5], 0, 24 * HOUR_MS, 'wait')
  check.match(args[6], '^%C+$', 'failure')
  local hook = find(account, args[1])
  if not hook then return { 'notfound' } end
  local first = redis.call('XRANGE', key.hook_queue(hook), '-', '+', 'COUNT', 1)[1]
  if not first or first[1] ~= entry then return { 'ok', 'dead' } end
  if tonumber(redis.call('HGET', hook, 'tries')) ~= before then return { 'ok', 'waits' } end
  redis.call('HSET', hook, 'failure', args[6], 'failed_at', clock.now())
  if before + 1 >= most then
    event.bury(hook, entry, first[2], before + 1, args[6])
    redis.call('HSET', hook, 'tries', 0, 'due', 0)
    return { 'ok', 'dead' }
  end
  redis.call('HSET', hook, 'tries', before + 1, 'due', clock.now() + wait)
  return { 'ok', 'waits' }
end

local DEAD = { 'entry', 'event', 'type', 'at', 'data', 'tries', 'reason' }

-- KEYS: {a:ACCT}
-- ARGV: id
-- Reply: ok, table: entry, event, type, at (ms), data, tries, reason, oldest first
-- Refusals: notfound
local function hook_dead(account, args)
  local hook = find(account, args[1])
  if not hook then return { 'notfound' } end
  local out = reply.columns(DEAD)
  for _, entry in ipairs(redis.call('XRANGE', key.hook_dead(hook), '-', '+')) do
    local f = entry[2]
    reply.row(out, { entry[1], f[2], f[4], f[6], f[8], f[10], f[12] }, #DEAD)
  end
  return out
end

-- Dead events go back to the queue's end, with the id and time that they had.
-- KEYS: {a:ACCT}
-- ARGV: id, number of an event (optional: all)
-- Reply: ok, how many
-- Refusals: notfound
local function hook_replay(account, args)
  local only, hook = args[2] and check.id(args[2], 'event'), find(account, args[1])
  if not hook then return { 'notfound' } end
  local n = 0
  for _, entry in ipairs(redis.call('XRANGE', key.hook_dead(hook), '-', '+')) do
    local f = entry[2]
    if not only or f[2] == only then
      redis.call('XDEL', key.hook_dead(hook), entry[1])
      event.enqueue(hook, f[2], f[4], f[6], f[8])
      n = n + 1
    end
  end
  return { 'ok', reply.int(n) }
end

-- Sends an event `webhook.test`.
-- KEYS: {a:ACCT}
-- ARGV: id
-- Reply: ok
-- Refusals: notfound
local function hook_test(account, args)
  if not find(account, args[1]) then return { 'notfound' } end
  event.add_to(account, args[1], 'webhook.test', { 'webhook', args[1] })
  return { 'ok' }
end

door.write({ 'hook_add', key = key.ACCOUNT, args = { 5 }, run = hook_add })
door.write({ 'hook_set', key = key.ACCOUNT, args = { 3, 7 }, run = hook_set })
door.write({ 'hook_rotate', key = key.ACCOUNT, args = { 3 }, run = hook_rotate })
door.write({ 'hook_remove', key = key.ACCOUNT, args = { 1 }, run = hook_remove })
door.read({ 'hook_list', key = key.ACCOUNT, args = { 0 }, run = hook_list })
door.read({ 'hook_due', key = key.ACCOUNT, args = { 0, 1 }, run = hook_due })
door.write({ 'hook_done', aside = true, key = key.ACCOUNT, args = { 2 }, run = hook_done })
door.write({ 'hook_fail', aside = true, key = key.ACCOUNT, args = { 6 }, run = hook_fail })
door.read({ 'hook_dead', key = key.ACCOUNT, args = { 1 }, run = hook_dead })
door.write({ 'hook_replay', key = key.ACCOUNT, args = { 1, 2 }, run = hook_replay })
door.write({ 'hook_test', key = key.ACCOUNT, args = { 1 }, run = hook_test })
