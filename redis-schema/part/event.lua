--@use key clock reply
-- Events for the account's webhooks: written with the change that they tell of, so neither is without the other.
-- Each webhook has a queue of its own; a delivered event leaves it.
local event = {}

local QUEUED_MAX, DEAD_MAX = 10000, 1000 -- of one webhook
local NAMED_MAX = 1000 -- numbers that one event names

-- What a webhook may ask for: the first part of an event's type.
event.KINDS = { order = true, port = true, balance = true, payment = true, invoice = true }

-- Data of an event as a JSON object: name, value…; each value is a text or a list of texts.
local function encode(fields)
  local out = {}
  for i = 1, #fields, 2 do
    local value = fields[i + 1]
    if type(value) ~= 'table' then
      value = cjson.encode(tostring(value))
    else
      value = #value == 0 and '[]' or cjson.encode(value)
    end
    out[#out + 1] = '"' .. fields[i] .. '":' .. value
  end
  return '{' .. table.concat(out, ',') .. '}'
end

-- An event that gives up waiting at a webhook. The oldest of too many are forgotten.
function event.bury(hook, entry, fields, tries, reason)
  redis.call('XADD', key.hook_dead(hook), 'MAXLEN', DEAD_MAX, '*', 'event', fields[2], 'type', fields[4], 'at', fields[6],
    'data', fields[8], 'tries', tries, 'reason', reason)
  redis.call('XDEL', key.hook_queue(hook), entry)
end

-- Puts an event at a queue's end; the oldest makes way when it is full.
function event.enqueue(hook, id, kind, at, data)
  local queue = key.hook_queue(hook)
  redis.call('XADD', queue, '*', 'event', id, 'type', kind, 'at', at, 'data', data)
  if redis.call('XLEN', queue) > QUEUED_MAX then
    local first = redis.call('XRANGE', queue, '-', '+', 'COUNT', 1)[1]
    event.bury(hook, first[1], first[2], redis.call('HGET', hook, 'tries') or '0', 'queue full')
    redis.call('HSET', hook, 'tries', 0, 'due', 0)
  end
end

local function next_id(account)
  return reply.int(redis.call('HINCRBY', key.hooks(account), 'events', 1))
end

-- Tells the webhooks that want it, if there are any. `kind` is a type as order.created.
function event.add(account, kind, fields)
  local hooks = redis.call('HGETALL', key.hooks(account))
  local group, id, data = string.match(kind, '^%l+'), nil, nil
  for i = 1, #hooks, 2 do
    local wants = ',' .. hooks[i + 1] .. ','
    if hooks[i] ~= 'events' and (wants == ',all,' or string.find(wants, ',' .. group .. ',', 1, true)) then
      id, data = id or next_id(account), data or encode(fields)
      event.enqueue(key.hook(account, hooks[i]), id, kind, reply.int(clock.now()), data)
    end
  end
end

-- The same for one webhook, whatever it wants.
function event.add_to(account, hook, kind, fields)
  event.enqueue(key.hook(account, hook), next_id(account), kind, reply.int(clock.now()), encode(fields))
end

-- Numbers of number, state… for an event, ascending; {} of more than it names.
function event.numbers(pairs_)
  local out = {}
  if #pairs_ <= 2 * NAMED_MAX then
    for i = 1, #pairs_, 2 do out[#out + 1] = pairs_[i] end
    table.sort(out)
  end
  return out
end

-- Money as events tell it: dollars with two decimals or, where they matter, four.
function event.money(units)
  units = tonumber(units)
  local sign, rest = units < 0 and '-' or '', math.abs(units)
  local cents = rest % 100 == 0
  return string.format(cents and '%s%.0f.%02.0f' or '%s%.0f.%04.0f', sign, math.floor(rest / 10000),
    cents and rest % 10000 / 100 or rest % 10000)
end
