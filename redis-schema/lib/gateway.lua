#!lua name=trunkline_gateway
--@use door check clock key reply pace

local NAME = '^[%w_.%-]+$'
local MANY = 100000

-- The fields that make a source's owner.
local OWNER = {
  carrier = function(args) return { 'kind', 'carrier', 'name', check.match(args[2], '^%C+$', 'carrier') } end,
  trunk = function(args)
    return { 'kind', 'trunk', 'account', check.match(args[2], NAME, 'account'),
      'tg', check.id(args[3] or '', 'trunk id') }
  end,
}

local function owner_of(args)
  return OWNER[check.one_of(args[1], OWNER, 'kind')](args)
end

-- Whether a source is free, the owner's, or another's: nil, true, false.
local function is_owner(source, owner)
  if redis.call('EXISTS', source) == 0 then return nil end
  for i = 1, #owner, 2 do
    if redis.call('HGET', source, owner[i]) ~= owner[i + 1] then return false end
  end
  return true
end

local function publish_source(source)
  redis.call('PUBLISH', key.CHANNEL_SOURCES, string.sub(source, #'ip:' + 1))
end

-- An address belongs to one carrier or one trunk.
-- KEYS: ip:ADDR
-- ARGV: `carrier`, name; or `trunk`, account, tg
-- Reply: ok (also when the same owner has it)
-- Refusals: taken
local function source_claim(source, args)
  local owner = owner_of(args)
  local mine = is_owner(source, owner)
  if mine == false then return { 'taken' } end
  if not mine then
    redis.call('HSET', source, unpack(owner))
    publish_source(source)
  end
  return { 'ok' }
end

-- KEYS: ip:ADDR
-- ARGV: as source_claim
-- Reply: ok (also when it is gone)
-- Refusals: taken (another's)
local function source_release(source, args)
  local mine = is_owner(source, owner_of(args))
  if mine == false then return { 'taken' } end
  if mine then
    redis.call('DEL', source)
    publish_source(source)
  end
  return { 'ok' }
end

-- Any hash as ok, field, value…
local function get_hash(name)
  local fields = redis.call('HGETALL', name)
  if #fields == 0 then return { 'notfound' } end
  return reply.append({ 'ok' }, fields)
end

local function gateway_name(gateway)
  return string.match(gateway, '{(.*)}')
end

local RULES = {
  host = check.host,
  port = check.optional(check.a_range(1, 65535)),
  transport = check.a_choice({ udp = true, tcp = true, tls = true }),
  prefix = check.optional(check.a_match('^%+?%d*$')),
  strip = check.a_range(0, 15),
  capacity = check.optional(check.a_range(0, 1000000)),
  cps = check.optional(check.a_range(0, 1000000)),
  status = check.a_choice({ ['0'] = true, ['1'] = true }),
}

-- Adds or changes a gateway; fields that are not given keep their value or get their default.
-- KEYS: gw:{G}
-- ARGV: field, value…; `host` is needed at first
-- Reply: ok
local function gateway_set(gateway, args)
  check.fields(args, 1, RULES)
  if redis.call('EXISTS', gateway) == 0 then
    local given = {}
    for i = 1, #args, 2 do given[args[i]] = true end
    if not given.host then door.misuse('a new gateway needs a host') end
    redis.call('HSET', gateway, 'name', gateway_name(gateway), 'port', '', 'transport', 'udp', 'prefix', '',
      'strip', '0', 'capacity', '', 'cps', '', 'status', '1')
  end
  for i = 1, #args, 2 do redis.call('HSET', gateway, args[i], args[i + 1]) end
  redis.call('PUBLISH', key.CHANNEL_GATEWAYS, gateway_name(gateway))
  return { 'ok' }
end

-- KEYS: gw:{G}
-- Reply: ok
-- Refusals: notfound
local function gateway_remove(gateway)
  if redis.call('DEL', gateway) == 0 then return { 'notfound' } end
  redis.call('DEL', key.gateway_calls(gateway), key.gateway_cps(gateway))
  redis.call('PUBLISH', key.CHANNEL_GATEWAYS, gateway_name(gateway))
  return { 'ok' }
end

local LEASE_MAX_MS = 32 * 86400000

-- A place's name: the call with its account.
local function place_of(args)
  return check.match(args[1], NAME, 'account') .. '/' .. check.call(args[2])
end

local function is_full(name, limit)
  return limit ~= nil and redis.call('ZCARD', name) >= limit
end

-- A call's place at a gateway and one of its calls a second. A place that is not given back ends with its lease.
-- KEYS: gw:{G}
-- ARGV: account, call id, ms of the lease
-- Reply: ok (also when the call has a place: its lease begins anew)
-- Refusals: full · cps · notfound
local function gateway_take(gateway, args)
  local place, lease = place_of(args), check.int(args[3], 1, LEASE_MAX_MS, 'lease')
  local limits = redis.call('HMGET', gateway, 'host', 'capacity', 'cps')
  if not limits[1] then return { 'notfound' } end
  local calls, now = key.gateway_calls(gateway), clock.now()
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
  if not redis.call('ZSCORE', calls, place) then
    local cps = tonumber(limits[3])
    if is_full(calls, tonumber(limits[2])) then return { 'full' } end
    if pace.wait(key.gateway_cps(gateway), now, cps) then return { 'cps' } end
    pace.take(key.gateway_cps(gateway), now, cps)
  end
  redis.call('ZADD', calls, now + lease, place)
  return { 'ok' }
end

-- KEYS: gw:{G}
-- ARGV: account, call id
-- Reply: ok (also when it has none)
local function gateway_drop(gateway, args)
  redis.call('ZREM', key.gateway_calls(gateway), place_of(args))
  return { 'ok' }
end

-- KEYS: gw:{G}
-- Reply: ok, table: account, call, until (ms), by account
local function gateway_calls(gateway)
  local out, rows = reply.columns({ 'account', 'call', 'until' }), {}
  local all = redis.call('ZRANGE', key.gateway_calls(gateway), 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local account, call = string.match(all[i], '^([^/]*)/(.*)$')
    rows[#rows + 1] = { account, call, all[i + 1] }
  end
  table.sort(rows, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  for _, row in ipairs(rows) do reply.row(out, row, 3) end
  return out
end

-- A prefix's routes: GATEWAY:PRIORITY:WEIGHT:COST joined by commas; no cost counts as 0.
local function read_routes(text)
  local routes = {}
  for name, priority, weight, cost in string.gmatch(text or '', '([^:,]+):(%d+):(%d+):?(%d*)') do
    routes[#routes + 1] = { name = name, priority = priority, weight = weight, cost = cost }
  end
  return routes
end

-- What a route is tried after: its priority, then its cost.
local function is_before(a, b)
  if a.priority ~= b.priority then return tonumber(a.priority) < tonumber(b.priority) end
  return (tonumber(a.cost) or 0) < (tonumber(b.cost) or 0)
end

local function write_routes(deck, prefix, routes)
  if #routes == 0 then return redis.call('HDEL', key.routes(deck), prefix) end
  table.sort(routes, function(a, b)
    if is_before(a, b) or is_before(b, a) then return is_before(a, b) end
    return a.name < b.name
  end)
  local texts = {}
  for i, r in ipairs(routes) do
    texts[i] = r.name .. ':' .. r.priority .. ':' .. r.weight .. (r.cost ~= '' and ':' .. r.cost or '')
  end
  return redis.call('HSET', key.routes(deck), prefix, table.concat(texts, ','))
end

-- A prefix's routes without those over a gateway, and whether there was one.
local function routes_without(deck, prefix, gateway)
  local kept, found = {}, false
  for _, route in ipairs(read_routes(redis.call('HGET', key.routes(deck), prefix))) do
    if route.name == gateway then
      found = true
    else
      kept[#kept + 1] = route
    end
  end
  return kept, found
end

local function check_prefix(text)
  return check.match(text, '^%d+$', 'prefix')
end

-- Adds or replaces the route of a prefix over a gateway.
-- KEYS: lcr:{DECK}
-- ARGV: prefix, gateway, priority (1 is tried first), weight, cost (money a minute; optional)
-- Reply: ok
local function route_set(deck, args)
  local prefix, gateway = check_prefix(args[1]), check.match(args[2], NAME, 'gateway')
  local priority = check.int(args[3], 1, 1000, 'priority')
  local weight = check.int(args[4], 1, 1000, 'weight')
  local cost = check.int_or_nil(args[5], 0, check.RATE_MAX, 'cost')
  local routes = routes_without(deck, prefix, gateway)
  routes[#routes + 1] = { name = gateway, priority = reply.int(priority), weight = reply.int(weight),
    cost = cost and reply.int(cost) or '' }
  write_routes(deck, prefix, routes)
  return { 'ok' }
end

-- KEYS: lcr:{DECK}
-- ARGV: prefix, gateway
-- Reply: ok
-- Refusals: notfound
local function route_remove(deck, args)
  local prefix = check_prefix(args[1])
  local routes, found = routes_without(deck, prefix, args[2])
  if not found then return { 'notfound' } end
  write_routes(deck, prefix, routes)
  return { 'ok' }
end

-- Sets rates, all or none.
-- KEYS: lcr:{DECK}
-- ARGV: for each: prefix, rate, increment, minimum
-- Reply: ok, count
local function rate_set(deck, args)
  if #args % 4 ~= 0 then door.misuse('rates are groups of four') end
  for i = 1, #args, 4 do
    check_prefix(args[i])
    check.int(args[i + 1], 0, check.RATE_MAX, 'rate')
    check.int(args[i + 2], 1, 3600, 'increment')
    check.int(args[i + 3], 0, 3600, 'minimum')
  end
  for i = 1, #args, 4 do
    redis.call('HSET', key.rates(deck), args[i], args[i + 1] .. ':' .. args[i + 2] .. ':' .. args[i + 3])
  end
  return { 'ok', reply.int(#args / 4) }
end

-- Longest prefix of a hash that fits, and its value.
local function longest(hash, prefixes)
  local values = redis.call('HMGET', hash, unpack(prefixes))
  for i, prefix in ipairs(prefixes) do
    if values[i] then return prefix, values[i] end
  end
  return nil
end

-- Price of a number: prefix, rate, increment, minimum. A deck without any rate asks nothing; in a deck with rates
-- a number without one has no price, and is not to be called.
local function price_of(deck, prefixes)
  local prefix, rate = longest(key.rates(deck), prefixes)
  if prefix then return prefix, string.match(rate, '^(%d+):(%d+):(%d+)$') end
  if redis.call('EXISTS', key.rates(deck)) == 1 then return '', '', '', '' end
  return '', '0', '1', '0'
end

-- KEYS: lcr:{DECK}
-- ARGV: E.164 digits
-- Reply: ok, route prefix, rate prefix (empty: no rate of its own), rate (empty: no price), increment, minimum, then
-- for each gateway: name, rank (1 is tried first: by priority, then by cost), weight
-- Refusals: noroute, rate prefix, rate, increment, minimum
local function lcr_route(deck, args)
  local digits = check.match(args[1], '^%d+$', 'number')
  local prefixes = {}
  for length = math.min(#digits, 15), 1, -1 do prefixes[#prefixes + 1] = string.sub(digits, 1, length) end
  local route, gateways = longest(key.routes(deck), prefixes)
  if not route then return { 'noroute', price_of(deck, prefixes) } end
  local out = { 'ok', route, price_of(deck, prefixes) }
  local rank, before = 0, nil
  for _, r in ipairs(read_routes(gateways)) do
    if not before or is_before(before, r) then rank = rank + 1 end
    reply.append(out, { r.name, reply.int(rank), r.weight })
    before = r
  end
  return out
end

-- Prefixes of a hash in order, and their values.
local function sorted(hash)
  local all, prefixes, values = redis.call('HGETALL', hash), {}, {}
  for i = 1, #all, 2 do
    prefixes[#prefixes + 1] = all[i]
    values[all[i]] = all[i + 1]
  end
  table.sort(prefixes)
  return prefixes, values
end

local RATE = { 'prefix', 'rate', 'increment', 'minimum' }

-- KEYS: lcr:{DECK}
-- Reply: ok, table: prefix, rate, increment, minimum
local function rate_list(deck)
  local out = reply.columns(RATE)
  local prefixes, values = sorted(key.rates(deck))
  for _, prefix in ipairs(prefixes) do
    reply.row(out, { prefix, string.match(values[prefix], '^(%d+):(%d+):(%d+)$') }, #RATE)
  end
  return out
end

local ROUTE = { 'prefix', 'gateway', 'priority', 'weight', 'cost' }

-- KEYS: lcr:{DECK}
-- Reply: ok, table: prefix, gateway, priority, weight, cost
local function route_list(deck)
  local out = reply.columns(ROUTE)
  local prefixes, values = sorted(key.routes(deck))
  for _, prefix in ipairs(prefixes) do
    for _, r in ipairs(read_routes(values[prefix])) do
      reply.row(out, { prefix, r.name, r.priority, r.weight, r.cost }, #ROUTE)
    end
  end
  return out
end

door.write({ 'source_claim', key = key.SOURCE, args = { 2, 3 }, run = source_claim })
door.write({ 'source_release', key = key.SOURCE, args = { 2, 3 }, run = source_release })
door.read({ 'source_get', key = key.SOURCE, args = { 0 }, run = get_hash })
door.write({ 'gateway_set', key = key.GATEWAY, args = { 2, 98 }, run = gateway_set })
door.read({ 'gateway_get', key = key.GATEWAY, args = { 0 }, run = get_hash })
door.write({ 'gateway_remove', key = key.GATEWAY, args = { 0 }, run = gateway_remove })
door.write({ 'gateway_take', key = key.GATEWAY, args = { 3 }, run = gateway_take })
door.write({ 'gateway_drop', key = key.GATEWAY, args = { 2 }, run = gateway_drop })
door.read({ 'gateway_calls', key = key.GATEWAY, args = { 0 }, run = gateway_calls })
door.write({ 'route_set', key = key.DECK, args = { 4, 5 }, run = route_set })
door.write({ 'route_remove', key = key.DECK, args = { 2 }, run = route_remove })
door.write({ 'rate_set', key = key.DECK, args = { 4, MANY }, run = rate_set })
door.read({ 'lcr_route', key = key.DECK, args = { 1 }, run = lcr_route })
door.read({ 'rate_list', key = key.DECK, args = { 0 }, run = rate_list })
door.read({ 'route_list', key = key.DECK, args = { 0 }, run = route_list })
