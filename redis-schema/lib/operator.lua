#!lua name=trunkline_operator
--@use door check clock key reply

-- Who may look at the ops page. Tokens and sessions are kept as their SHA-256 alone.

local MOST_OPERATORS, MOST_SESSIONS = 100, 100
local LIFE_MAX_MS = 3660 * 86400000

local function a_hash(text) return check.match(text, '^' .. string.rep('%x', 64) .. '$', 'hash') end

local function an_allow(text)
  if text ~= '' and (#text > 2000 or not string.find(text, '^[%x.:,/]+$')) then door.misuse('malformed allow') end
  return text
end

-- `label created ends allow` of the hash of a token.
local function operator_of(hash, text)
  local label, created, ends, allow = string.match(text, '^(%S+) (%d+) (%d+) (%S*)$')
  return { hash = hash, label = label, created = tonumber(created), ends = tonumber(ends), allow = allow }
end

local function all_operators(ops)
  local list, pairs_of = {}, redis.call('HGETALL', key.operators(ops))
  for i = 1, #pairs_of, 2 do list[#list + 1] = operator_of(pairs_of[i], pairs_of[i + 1]) end
  table.sort(list, function(a, b)
    if a.created ~= b.created then return a.created < b.created end
    return a.label < b.label
  end)
  return list
end

-- The operator with that hash, unless it has ended.
local function live_operator(ops, hash)
  local text = redis.call('HGET', key.operators(ops), hash)
  local o = text and operator_of(hash, text)
  return o and o.ends > clock.now() and o or nil
end

-- {token, ends} of a session's text.
local function session_of(text)
  local token, ends = string.match(text, '^(%x+) (%d+)$')
  return { token = token, ends = tonumber(ends) }
end

-- KEYS: {ops}
-- ARGV: hash of the token, label, ms that it lives, networks that it may be used from by comma (empty: any)
-- Reply: ok
-- Refusals: exists (the label, or the hash) · limit (100 operators)
local function operator_add(ops, args)
  local hash, label = a_hash(args[1]), check.match(args[2], check.WORD, 'label')
  local life, allow = check.int(args[3], 1, LIFE_MAX_MS, 'ms of life'), an_allow(args[4])
  local operators = all_operators(ops)
  for _, o in ipairs(operators) do
    if o.label == label or o.hash == hash then return { 'exists' } end
  end
  if #operators >= MOST_OPERATORS then return { 'limit' } end
  local now = clock.now()
  redis.call('HSET', key.operators(ops), hash, table.concat({ label, reply.int(now), reply.int(now + life), allow }, ' '))
  return { 'ok' }
end

local OPERATOR = { 'hash', 'label', 'created', 'ends', 'allow' }

-- KEYS: {ops}
-- Reply: ok, table: hash, label, created, ends (ms), allow, oldest first
local function operator_list(ops)
  local out = reply.columns(OPERATOR)
  for _, o in ipairs(all_operators(ops)) do
    reply.row(out, { o.hash, o.label, reply.int(o.created), reply.int(o.ends), o.allow }, #OPERATOR)
  end
  return out
end

-- Its sessions end with it.
-- KEYS: {ops}
-- ARGV: hash or label
-- Reply: ok, hash
-- Refusals: notfound
local function operator_revoke(ops, args)
  for _, o in ipairs(all_operators(ops)) do
    if o.hash == args[1] or o.label == args[1] then
      redis.call('HDEL', key.operators(ops), o.hash)
      local sessions = redis.call('HGETALL', key.sessions(ops))
      for i = 1, #sessions, 2 do
        if session_of(sessions[i + 1]).token == o.hash then redis.call('HDEL', key.sessions(ops), sessions[i]) end
      end
      return { 'ok', o.hash }
    end
  end
  return { 'notfound' }
end

-- Whose token it is, or whose session.
-- KEYS: {ops}
-- ARGV: token or session, hash
-- Reply: ok, label, hash of the token, networks, ms left
-- Refusals: none (there is no operator at all) · notfound (or it has ended)
local function operator_find(ops, args)
  local kind, hash = check.one_of(args[1], { token = true, session = true }, 'kind'), a_hash(args[2])
  if redis.call('HLEN', key.operators(ops)) == 0 then return { 'none' } end
  local now, ends = clock.now(), check.MS_MAX
  if kind == 'session' then
    local text = redis.call('HGET', key.sessions(ops), hash)
    if not text then return { 'notfound' } end
    local session = session_of(text)
    hash, ends = session.token, session.ends
  end
  local o = live_operator(ops, hash)
  ends = o and math.min(ends, o.ends) or 0
  if ends <= now then return { 'notfound' } end
  return { 'ok', o.label, hash, o.allow, reply.int(ends - now) }
end

-- Sessions that have ended go; of too many the one that ends first.
local function make_room(ops, now)
  local left, first, first_ends = 0, nil, nil
  local sessions = redis.call('HGETALL', key.sessions(ops))
  for i = 1, #sessions, 2 do
    local ends = session_of(sessions[i + 1]).ends
    if ends <= now then
      redis.call('HDEL', key.sessions(ops), sessions[i])
    else
      left = left + 1
      if not first or ends < first_ends then first, first_ends = sessions[i], ends end
    end
  end
  if left >= MOST_SESSIONS then redis.call('HDEL', key.sessions(ops), first) end
end

-- KEYS: {ops}
-- ARGV: hash of the token, hash of the session, ms that it lives
-- Reply: ok, label, networks of the token
-- Refusals: notfound (no such token, or it has ended)
local function session_open(ops, args)
  local token, session = a_hash(args[1]), a_hash(args[2])
  local life, now = check.int(args[3], 1, LIFE_MAX_MS, 'ms of life'), clock.now()
  local o = live_operator(ops, token)
  if not o then return { 'notfound' } end
  make_room(ops, now)
  redis.call('HSET', key.sessions(ops), session, token .. ' ' .. reply.int(math.min(now + life, o.ends)))
  return { 'ok', o.label, o.allow }
end

-- KEYS: {ops}
-- ARGV: hash of the session
-- Reply: ok (also when there is none)
local function session_close(ops, args)
  redis.call('HDEL', key.sessions(ops), a_hash(args[1]))
  return { 'ok' }
end

door.write({ 'operator_add', key = key.OPS, args = { 4 }, run = operator_add })
door.read({ 'operator_list', key = key.OPS, args = { 0 }, run = operator_list })
door.write({ 'operator_revoke', key = key.OPS, args = { 1 }, run = operator_revoke })
door.read({ 'operator_find', key = key.OPS, args = { 2 }, run = operator_find })
door.write({ 'session_open', key = key.OPS, args = { 3 }, run = session_open })
door.write({ 'session_close', key = key.OPS, args = { 1 }, run = session_close })
