#!lua name=trunkline_sys
--@use door check clock key reply news

-- Gives out the next number of a sequence.
-- KEYS: seq:NAME
-- ARGV: first number
-- Reply: ok, number
local function seq_next(sequence, args)
  local first = check.int(args[1], 1, 1000000000000, 'first number')
  local value = redis.call('INCR', sequence)
  if value < first then
    redis.call('SET', sequence, first)
    value = first
  end
  return { 'ok', reply.int(value) }
end

local function index_checked(index)
  check.one_of(index, key.INDEXES, 'index')
  return index
end

-- KEYS: an index
-- ARGV: member
-- Reply: ok
local function index_add(index, args)
  redis.call('SADD', index_checked(index), check.match(args[1], check.WORD, 'member'))
  return { 'ok' }
end

-- KEYS: an index
-- ARGV: member
-- Reply: ok (also when it was not there)
local function index_remove(index, args)
  redis.call('SREM', index_checked(index), args[1])
  return { 'ok' }
end

-- KEYS: an index
-- Reply: ok, members in order
local function index_list(index)
  local members = redis.call('SMEMBERS', index_checked(index))
  table.sort(members)
  return reply.append({ 'ok' }, members)
end

-- Takes or renews the lock of a background job.
-- KEYS: job:NAME
-- ARGV: owner, lease ms
-- Reply: ok
-- Refusals: held, owner
local function lock_take(job, args)
  local owner = check.match(args[1], check.WORD, 'owner')
  local lease = check.int(args[2], 1, 86400000, 'lease')
  local holder = redis.call('GET', job)
  if holder and holder ~= owner then return { 'held', holder } end
  redis.call('SET', job, owner, 'PX', lease)
  return { 'ok' }
end

-- KEYS: job:NAME
-- ARGV: owner
-- Reply: ok (also when nobody had it)
-- Refusals: held (by another)
local function lock_drop(job, args)
  local holder = redis.call('GET', job)
  if holder and holder ~= args[1] then return { 'held' } end
  if holder then redis.call('DEL', job) end
  return { 'ok' }
end

local NODE_LIFE_MS = 7 * 86400000
local PAST_MOST = 100

-- Boots of a node that were replaced: one more, newest first, the oldest forgotten.
local function add_past(past, boot)
  local out = { boot }
  for word in string.gmatch(past, '%S+') do
    if #out < PAST_MOST then out[#out + 1] = word end
  end
  return table.concat(out, ' ')
end

-- Renews the lease of a sipmod. A new boot replaces the one before, for good.
-- KEYS: node:NODE
-- ARGV: boot, address, version
-- Reply: ok, now ms
-- Refusals: replaced, boot (another start of this node came after this one)
local function node_heartbeat(node, args)
  if string.find(node, key.NODE_HEALTH) then door.misuse('a node may not be named so: ' .. node) end
  local boot = check.match(args[1], check.WORD, 'boot')
  check.a_text(args[2], 'address')
  check.a_text(args[3], 'version')
  local now, v = clock.now(), redis.call('HMGET', node, 'boot', 'past')
  local past = v[2] or ''
  if string.find(' ' .. past .. ' ', ' ' .. boot .. ' ', 1, true) then return { 'replaced', v[1] } end
  if v[1] ~= boot then
    if v[1] then past = add_past(past, v[1]) end
    redis.call('HSET', node, 'boot', boot, 'started', now, 'past', past)
  end
  redis.call('HSET', node, 'seen', now, 'address', args[2], 'version', args[3])
  redis.call('PEXPIRE', node, NODE_LIFE_MS)
  return { 'ok', reply.int(now) }
end

-- KEYS: node:NODE
-- Reply: ok, now ms, field, value…
-- Refusals: notfound
local function node_get(node)
  local fields = redis.call('HGETALL', node)
  if #fields == 0 then return { 'notfound' } end
  return reply.append({ 'ok', reply.int(clock.now()) }, fields)
end

local HEALTH_LIFE_MS, TARGETS_MOST, HEALTH_BYTES = 30000, 1000, 256 * 1024
local TARGET = '^(%u+ [%x.:%[%]]+) (%l+) ?([%w .-]*)$'
local STATES = { up = true, down = true }

-- Lines of `PROTOCOL ADDRESS:PORT STATE WHY` as a list of target, state, why.
local function read_targets(text)
  local list = {}
  if #text > HEALTH_BYTES then door.misuse('too long') end
  for line in string.gmatch(text, '[^\n]+') do
    local target, state, why = string.match(line, TARGET)
    if not target or #list == TARGETS_MOST then door.misuse('malformed or too many targets') end
    list[#list + 1] = { target, check.one_of(state, STATES, 'state'), why }
  end
  return list
end

-- What a sipmod knows of its next hops, all at once; those whose state is another than before are told of.
-- KEYS: node:NODE:health
-- ARGV: live calls that it carries, targets it watches, how many of them are down, the targets: those that are down
--   first, a line each: `PROTOCOL ADDRESS:PORT STATE WHY` (STATE up or down, WHY may be empty); at most 1,000
-- Reply: ok
local function node_health(health, args)
  local calls, watched, down = check.int(args[1], 0, 1000000000, 'calls'), check.int(args[2], 0, 1000000000, 'watched'),
    check.int(args[3], 0, 1000000000, 'down')
  local list, now, was = read_targets(args[4]), clock.now(), redis.call('HGETALL', health)
  local before, node = {}, key.node_of(health)
  for i = 1, #was, 2 do before[was[i]] = was[i + 1] end
  redis.call('DEL', health)
  redis.call('HSET', health, 'at', now, 'calls', calls, 'watched', watched, 'down', down)
  for _, t in ipairs(list) do
    local state, since, why = string.match(before[t[1]] or 'up', '^(%l+) ?(%d*) ?(.*)$')
    if state ~= t[2] then
      since, why = reply.int(now), t[3]
      news.health(node, now, t[1], t[2], why)
    end
    redis.call('HSET', health, t[1], t[2] .. ' ' .. (since ~= '' and since or reply.int(now)) .. ' ' .. why)
    before[t[1]] = nil
  end
  for i = 1, #was, 2 do
    if before[was[i]] and string.find(was[i + 1], '^down ') then news.health(node, now, was[i], 'gone', '') end
  end
  redis.call('PEXPIRE', health, HEALTH_LIFE_MS)
  return { 'ok' }
end

door.write({ 'seq_next', key = key.SEQUENCE, args = { 1 }, run = seq_next })
door.write({ 'index_add', key = key.INDEX, args = { 1 }, run = index_add })
door.write({ 'index_remove', key = key.INDEX, args = { 1 }, run = index_remove })
door.read({ 'index_list', key = key.INDEX, args = { 0 }, run = index_list })
door.write({ 'lock_take', key = key.JOB, args = { 2 }, run = lock_take })
door.write({ 'lock_drop', key = key.JOB, args = { 1 }, run = lock_drop })
door.write({ 'node_heartbeat', key = key.NODE, args = { 3 }, run = node_heartbeat })
door.write({ 'node_health', key = key.NODE_HEALTH, args = { 4 }, run = node_health })
door.read({ 'node_get', key = key.NODE, args = { 0 }, run = node_get })
