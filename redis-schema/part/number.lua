--@use key
-- Numbers in service and numbers on orders, as they are kept.
local number = {}

number.COLUMNS = { 'number', 'tg', 'status', 'order', 'category', 'type', 'order_type', 'monthly', 'since',
  'state', 'cnam' }

-- A record of `numbers`: texts joined by '|'; cnam is last and may hold one.
-- Returns tg, status, order, state, cnam.
function number.unpack(record)
  return string.match(record, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
end

function number.pack(tg, status, order, state, cnam)
  return table.concat({ tg, status, order, state, cnam }, '|')
end

function number.category(state)
  return state == 'tf' and 'tollfree' or 'landline'
end

-- A function (order id) → what its numbers have of it, { type, order_type, monthly, since }; reads an order once.
function number.terms(account)
  local read = {}
  local function of(name)
    local terms = redis.call('HMGET', name, 'type', 'order_type', 'monthly', 'since')
    return terms[2] and terms
  end
  return function(id)
    read[id] = read[id] or of(key.order(account, id)) or of(key.port(account, id)) or { '', '', '0', '0' }
    return read[id]
  end
end

-- Writes the numbers of an order of either kind (a list: number, state…): state → its numbers, with spaces between.
function number.write(name, numbers)
  local states = {}
  for i = 1, #numbers, 2 do
    local state = numbers[i + 1]
    local list = states[state] or {}
    states[state] = list
    list[#list + 1] = numbers[i]
  end
  for state, list in pairs(states) do redis.call('HSET', name, state, table.concat(list, ' ')) end
end

-- The list that was written, by state.
function number.read(name)
  local states, numbers, n = redis.call('HGETALL', name), {}, 0
  for i = 1, #states, 2 do
    for text in string.gmatch(states[i + 1], '%d+') do
      numbers[n + 1], numbers[n + 2] = text, states[i]
      n = n + 2
    end
  end
  return numbers
end
