#!lua name=trunkline_trace
--@use door check clock key reply

local MOST_CALLS = 100
local MOST_BYTES = 65535
local HOUR_MS = 3600000
local KINDS = { number = true, trunk = true, call = true, ring = true }
local WAYS = { ['in'] = true, out = true }
local PROTOCOLS = { udp = true, tcp = true, tls = true }
local PLACE = '^[%x.:%[%]]+:%d+$'

local function tell(trace)
  redis.call('PUBLISH', key.CHANNEL_TRACE, key.traced(trace))
end

-- Lets all keys of a trace end with it.
local function live_as_long(trace, part)
  redis.call('PEXPIRE', part, math.max(redis.call('PTTL', trace), 1))
end

-- Enters a trace into the index.
-- KEYS: traces
-- ARGV: id, most traces
-- Reply: ok (also when it is there)
-- Refusals: full
local function trace_enlist(index, args)
  local id, most = check.id(args[1], 'trace id'), check.int(args[2], 1, 1000, 'most traces')
  if redis.call('SISMEMBER', index, id) == 1 then return { 'ok' } end
  if redis.call('SCARD', index) >= most then return { 'full' } end
  redis.call('SADD', index, id)
  return { 'ok' }
end

-- Starts a trace. Of kind `ring` it asks all sipmods for what their rings hold of a call.
-- KEYS: trace:{ID}
-- ARGV: kind (number, trunk, call, ring), what (digits, trunk id, call id or Call-ID), account (trunk) or empty, by
-- whom, ms that new calls are taken, ms that it is kept after that, most packets
-- Reply: ok, ms when it ends
-- Refusals: exists
local function trace_start(trace, args)
  local kind, what = check.one_of(args[1], KINDS, 'kind'), check.match(args[2], check.WORD, 'what')
  local account, by = check.match(args[3], '^[%w_.%-]*$', 'account'), check.match(args[4], '^%C*$', 'by')
  local ms, keep = check.int(args[5], 0, 7 * 24 * HOUR_MS, 'ms'), check.int(args[6], 1000, 24 * HOUR_MS, 'keep')
  local most = check.int(args[7], 1, 100000, 'most packets')
  if kind == 'trunk' and account == '' then door.misuse('a trunk without an account') end
  if redis.call('EXISTS', trace) == 1 then return { 'exists' } end
  local now = clock.now()
  redis.call('HSET', trace, 'kind', kind, 'what', what, 'account', account, 'by', by, 'started', now, 'until', now + ms,
    'most', most, 'stopped', 0)
  redis.call('PEXPIRE', trace, ms + keep)
  tell(trace)
  return { 'ok', reply.int(now + ms) }
end

-- Ends a trace: nothing is added any more; what it has is kept on.
-- KEYS: trace:{ID}
-- Reply: ok
-- Refusals: notfound
local function trace_stop(trace)
  if redis.call('EXISTS', trace) == 0 then return { 'notfound' } end
  if redis.call('HGET', trace, 'stopped') == '0' then redis.call('HSET', trace, 'stopped', clock.now()) end
  tell(trace)
  return { 'ok' }
end

-- Removes a trace with all that it has.
-- KEYS: trace:{ID}
-- Reply: ok (also when there is none)
local function trace_remove(trace)
  redis.call('DEL', trace, key.trace_packets(trace), key.trace_calls(trace), key.trace_nodes(trace))
  tell(trace)
  return { 'ok' }
end

local FIELDS = { 'kind', 'what', 'account', 'by', 'started', 'until', 'most', 'stopped' }

-- KEYS: trace:{ID}
-- Reply: ok, now ms, then field, value… of the hash, calls and packets that it has
-- Refusals: notfound
local function trace_get(trace)
  local v = redis.call('HMGET', trace, unpack(FIELDS))
  if not v[1] then return { 'notfound' } end
  local out = { 'ok', reply.int(clock.now()) }
  for i, name in ipairs(FIELDS) do reply.append(out, { name, v[i] or '' }) end
  return reply.append(out, { 'calls', reply.int(redis.call('HLEN', key.trace_calls(trace))),
    'packets', reply.int(redis.call('XLEN', key.trace_packets(trace))) })
end

-- Whether packets and calls may be added; else the refusal's word.
local function refused(trace)
  local stopped = redis.call('HGET', trace, 'stopped')
  if not stopped then return 'notfound' end
  return stopped ~= '0' and 'stopped' or nil
end

-- A call belongs to a trace: all sipmods follow it from now on.
-- KEYS: trace:{ID}
-- ARGV: Call-ID, our id of the call or empty
-- Reply: ok (also when it is there)
-- Refusals: notfound · stopped · full
local function trace_call(trace, args)
  local callid, call = check.match(args[1], check.WORD, 'Call-ID'), args[2]
  if call ~= '' then check.call(call) end
  local word, calls = refused(trace), key.trace_calls(trace)
  if word then return { word } end
  local known = redis.call('HGET', calls, callid)
  if known == call or (known and call == '') then return { 'ok' } end
  if not known and redis.call('HLEN', calls) >= MOST_CALLS then return { 'full' } end
  redis.call('HSET', calls, callid, call)
  live_as_long(trace, calls)
  tell(trace)
  return { 'ok' }
end

-- KEYS: trace:{ID}
-- Reply: ok, table: callid, call
local function trace_calls(trace)
  local out, found = reply.columns({ 'callid', 'call' }), redis.call('HGETALL', key.trace_calls(trace))
  return reply.append(out, found)
end

-- What a node has told so far: its boot, the number of its last packet, whether it is done.
local function node_of(trace, node)
  local text = redis.call('HGET', key.trace_nodes(trace), node) or ''
  local boot, n, done = string.match(text, '^(%S+) (%d+) (%d)$')
  return { boot = boot, n = tonumber(n) or 0, done = done or '0' }
end

local function set_node(trace, node, boot, n, done)
  redis.call('HSET', key.trace_nodes(trace), node, boot .. ' ' .. reply.int(n) .. ' ' .. done)
  live_as_long(trace, key.trace_nodes(trace))
end

-- Adds a message that passed a sipmod.
-- KEYS: trace:{ID}
-- ARGV: 1 node, 2 boot, 3 number of the message (each start of a node counts up: one that is not above the last is
-- there already), 4 Call-ID, 5 our id of the call or empty, 6 unix microseconds, 7 dir (in, out), 8 proto (udp, tcp,
-- tls), 9 from, 10 to (ADDRESS:PORT), 11 the message
-- Reply: ok (also when it is there)
-- Refusals: notfound · stopped · full
local function trace_add(trace, args)
  local node, boot = check.match(args[1], check.WORD, 'node'), check.match(args[2], check.WORD, 'boot')
  local n, at = check.int(args[3], 1, 1e15, 'number'), check.int(args[6], 1, 9e15, 'at')
  if args[5] ~= '' then check.call(args[5]) end
  check.one_of(args[7], WAYS, 'dir')
  check.one_of(args[8], PROTOCOLS, 'proto')
  check.match(args[9], PLACE, 'from')
  check.match(args[10], PLACE, 'to')
  if #args[11] > MOST_BYTES then door.misuse('a message over 65535 bytes') end
  local word, packets = refused(trace), key.trace_packets(trace)
  if word then return { word } end
  local known = node_of(trace, node)
  if known.boot == boot and n <= known.n then return { 'ok' } end
  if redis.call('XLEN', packets) >= tonumber(redis.call('HGET', trace, 'most')) then return { 'full' } end
  redis.call('XADD', packets, '*', 'callid', check.match(args[4], check.WORD, 'Call-ID'), 'call', args[5], 'node', node,
    'at', reply.int(at), 'dir', args[7], 'proto', args[8], 'from', args[9], 'to', args[10], 'data', args[11])
  live_as_long(trace, packets)
  set_node(trace, node, boot, n, '0')
  return { 'ok' }
end

-- A sipmod has told all that its ring holds.
-- KEYS: trace:{ID}
-- ARGV: node, boot
-- Reply: ok
-- Refusals: notfound
local function trace_done(trace, args)
  local node, boot = check.match(args[1], check.WORD, 'node'), check.match(args[2], check.WORD, 'boot')
  if redis.call('EXISTS', trace) == 0 then return { 'notfound' } end
  local known = node_of(trace, node)
  set_node(trace, node, boot, known.boot == boot and known.n or 0, '1')
  return { 'ok' }
end

-- KEYS: trace:{ID}
-- Reply: ok, table: node, boot, n (number of its last message), done (1: its ring has nothing more)
local function trace_nodes(trace)
  local out, found = reply.columns({ 'node', 'boot', 'n', 'done' }), redis.call('HGETALL', key.trace_nodes(trace))
  for i = 1, #found, 2 do
    local known = node_of(trace, found[i])
    reply.row(out, { found[i], known.boot, reply.int(known.n), known.done }, 4)
  end
  return out
end

local COLUMNS = { 'callid', 'call', 'node', 'at', 'dir', 'proto', 'from', 'to', 'data' }

-- The Call-ID of a call that has this id; else the text as it is.
local function callid_of(trace, text)
  local calls = redis.call('HGETALL', key.trace_calls(trace))
  for i = 1, #calls, 2 do
    if calls[i + 1] == text then return calls[i] end
  end
  return text
end

-- Messages in the order that they came to Redis in; `at` is the order on the wire.
-- KEYS: trace:{ID}
-- ARGV: entry after which to begin (empty: the first), most, Call-ID or call id (empty: of all calls)
-- Reply: ok, table: entry, callid, call, node, at, dir, proto, from, to, data. No rows: that was all. Of one call a row
-- may have an entry alone: it is another call's
local function trace_packets(trace, args)
  local from = args[1] == '' and '-' or '(' .. check.match(args[1], '^%d+%-%d+$', 'entry')
  local most, call = check.int(args[2], 1, 1000, 'most'), args[3]
  if call ~= '' then call = callid_of(trace, call) end
  local out = reply.columns(reply.append({ 'entry' }, COLUMNS))
  for _, entry in ipairs(redis.call('XRANGE', key.trace_packets(trace), from, '+', 'COUNT', most)) do
    local fields, row = {}, { entry[1] }
    for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
    if call == '' or fields.callid == call then
      for i, name in ipairs(COLUMNS) do row[i + 1] = fields[name] end
    end
    reply.row(out, row, 1 + #COLUMNS)
  end
  return out
end

door.write({ 'trace_enlist', key = key.TRACES, args = { 2 }, run = trace_enlist })
door.write({ 'trace_start', key = key.TRACE, args = { 7 }, run = trace_start })
door.write({ 'trace_stop', key = key.TRACE, args = { 0 }, run = trace_stop })
door.write({ 'trace_remove', key = key.TRACE, args = { 0 }, run = trace_remove })
door.read({ 'trace_get', key = key.TRACE, args = { 0 }, run = trace_get })
door.write({ 'trace_call', key = key.TRACE, args = { 2 }, run = trace_call })
door.read({ 'trace_calls', key = key.TRACE, args = { 0 }, run = trace_calls })
door.write({ 'trace_add', key = key.TRACE, args = { 11 }, run = trace_add })
door.write({ 'trace_done', key = key.TRACE, args = { 2 }, run = trace_done })
door.read({ 'trace_nodes', key = key.TRACE, args = { 0 }, run = trace_nodes })
door.read({ 'trace_packets', key = key.TRACE, args = { 3 }, run = trace_packets })
