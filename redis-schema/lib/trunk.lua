#!lua name=trunkline_trunk
--@use door check clock key reply news

local a_limit = check.optional(check.a_range(0, 1000000))
local a_port = check.optional(check.a_range(1, 65535))
local a_prefix = check.optional(check.a_match('^%d+$'))

local a_status = check.a_choice({ ['0'] = true, ['1'] = true })

-- Fields that callers may set, a kind.
local RULES = {
  ['in'] = {
    title = check.a_text, status = a_status,
    req_sessions = a_limit, sessions = a_limit, req_cps = a_limit, cps = a_limit,
    billing = check.a_choice({ Metered = true, Unmetered = true }),
    mou = check.a_text,
    primary_host = check.host, primary_port = a_port, primary_prefix = a_prefix,
    secondary_host = check.optional(check.host), secondary_port = a_port, secondary_prefix = a_prefix,
    forward = check.optional(check.a_match('^%d+$')),
  },
  out = {
    title = check.a_text, status = a_status,
    req_sessions = a_limit, sessions = a_limit, req_cps = a_limit, cps = a_limit,
    address = check.host,
  },
}

-- Every field of a kind, in the order of trunk_list.
local COLUMNS = {
  ['in'] = { 'id', 'kind', 'title', 'created', 'status', 'req_sessions', 'sessions', 'req_cps', 'cps',
    'billing', 'mou', 'primary_host', 'primary_port', 'primary_prefix', 'secondary_host', 'secondary_port',
    'secondary_prefix', 'forward' },
  out = { 'id', 'kind', 'title', 'created', 'status', 'req_sessions', 'sessions', 'req_cps', 'cps', 'address' },
}

-- Cuts the pair `kind` out of the arguments.
local function take_kind(args)
  for i = 2, #args - 1, 2 do
    if args[i] == 'kind' then
      table.remove(args, i)
      return check.one_of(table.remove(args, i), RULES, 'kind')
    end
  end
  return door.misuse('no kind')
end

-- Writes field, value… from args[from]; an empty value removes the field. Returns the fields that it changed.
local function set_fields(trunk, args, from)
  local changed = {}
  for i = from, #args, 2 do
    if (redis.call('HGET', trunk, args[i]) or '') ~= args[i + 1] then
      changed[#changed + 1] = args[i]
      if args[i + 1] == '' then
        redis.call('HDEL', trunk, args[i])
      else
        redis.call('HSET', trunk, args[i], args[i + 1])
      end
    end
  end
  return changed
end

-- Tells of a change, if there is one: a trunk that is now out of service was disabled.
local function tell(account, id, changed)
  if not changed[1] then return end
  local v = redis.call('HMGET', key.trunk(account, id), 'kind', 'status')
  local word = v[2] == '0' and string.find(',' .. table.concat(changed, ',') .. ',', ',status,', 1, true)
  news.trunk(account, word and 'disabled' or 'changed', clock.now(), id, v[1], changed)
end

-- KEYS: {a:ACCT}
-- ARGV: id, field, value…; `kind` among them; status is 1 unless given
-- Reply: ok, id
-- Refusals: notfound (no account) · exists
local function trunk_define(account, args)
  local id = check.id(args[1], 'trunk id')
  local kind = take_kind(args)
  check.fields(args, 2, RULES[kind])
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local trunk = key.trunk(account, id)
  if redis.call('EXISTS', trunk) == 1 then return { 'exists' } end
  local now = clock.now()
  redis.call('HSET', trunk, 'id', id, 'kind', kind, 'created', now, 'status', '1')
  set_fields(trunk, args, 2)
  redis.call('ZADD', key.trunks(account), id, id)
  news.trunk(account, 'defined', now, id, kind, {})
  return { 'ok', id }
end

-- KEYS: {a:ACCT}
-- ARGV: id, kind, field, value… (an empty value clears the field)
-- Reply: ok
-- Refusals: notfound (no such trunk of that kind)
local function trunk_update(account, args)
  local trunk = key.trunk(account, check.id(args[1], 'trunk id'))
  local kind = check.one_of(args[2], RULES, 'kind')
  check.fields(args, 3, RULES[kind])
  if redis.call('HGET', trunk, 'kind') ~= kind then return { 'notfound' } end
  tell(account, args[1], set_fields(trunk, args, 3))
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- ARGV: kind, id (optional)
-- Reply: ok, table: every field of the kind, ascending by id
-- Refusals: notfound (an id was given that isn't there)
local function trunk_list(account, args)
  local kind = check.one_of(args[1], COLUMNS, 'kind')
  local only = check.int_or_nil(args[2], 1, 1000000000000, 'trunk id')
  local columns = COLUMNS[kind]
  local out = reply.columns(columns)
  local head = #out
  for _, id in ipairs(only and { args[2] } or redis.call('ZRANGE', key.trunks(account), 0, -1)) do
    local values = redis.call('HMGET', key.trunk(account, id), unpack(columns))
    if values[2] == kind then reply.row(out, values, #columns) end
  end
  if only and #out == head then return { 'notfound' } end
  return out
end

-- The field and value that a grant sets: '' leaves it, `none` lifts the limit.
local function granted(field, text)
  if text == '' then return {} end
  if text == 'none' then return { field, '' } end
  check.int(text, 0, 1000000, field)
  return { field, text }
end

-- The operator's grant.
-- KEYS: {a:ACCT}
-- ARGV: id, sessions, cps (empty: unchanged, `none`: no limit)
-- Reply: ok
-- Refusals: notfound
local function trunk_grant(account, args)
  local trunk = key.trunk(account, check.id(args[1], 'trunk id'))
  local sessions, cps = granted('sessions', args[2]), granted('cps', args[3])
  if redis.call('EXISTS', trunk) == 0 then return { 'notfound' } end
  tell(account, args[1], set_fields(trunk, reply.append(sessions, cps), 1))
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- ARGV: id, kind
-- Reply: ok, address (out; empty for in)
-- Refusals: notfound
local function trunk_disable(account, args)
  local trunk = key.trunk(account, check.id(args[1], 'trunk id'))
  local kind = check.one_of(args[2], RULES, 'kind')
  local was = redis.call('HMGET', trunk, 'kind', 'address')
  if was[1] ~= kind then return { 'notfound' } end
  tell(account, args[1], set_fields(trunk, { 'status', '0' }, 1))
  return { 'ok', was[2] or '' }
end

door.write({ 'trunk_define', key = key.ACCOUNT, args = { 3, 99 }, run = trunk_define })
door.write({ 'trunk_update', key = key.ACCOUNT, args = { 4, 98 }, run = trunk_update })
door.read({ 'trunk_list', key = key.ACCOUNT, args = { 1, 2 }, run = trunk_list })
door.write({ 'trunk_grant', key = key.ACCOUNT, args = { 3 }, run = trunk_grant })
door.write({ 'trunk_disable', key = key.ACCOUNT, args = { 2 }, run = trunk_disable })
