--@use key
-- Live calls: their records, and the counters that always equal them.
local live = {}

-- Fields of a record, in the order of call_list (which has the call id before them).
live.FIELDS = { 'direction', 'tg', 'number', 'from', 'to', 'upstream', 'source', 'target', 'callid', 'node',
  'boot', 'invite_ms', 'answer_ms', 'rate', 'increment', 'minimum', 'limit_s', 'pdd_ms', 'attempts', 'tax_bp', 'held',
  'paid_s', 'cut' }

-- Fields that are numbers once they are read; answer_ms is nil until the answer.
local NUMBERS = { invite_ms = 0, rate = 0, increment = 1, minimum = 0, limit_s = 0, pdd_ms = 0, tax_bp = 0, held = 0,
  paid_s = 0 }

-- A live call's fields by name; nil when there is none.
function live.read(account, id)
  local values = redis.call('HMGET', key.call(account, id), unpack(live.FIELDS))
  if not values[1] then return nil end
  local call = { call = id }
  for i, field in ipairs(live.FIELDS) do
    local value = values[i] or ''
    if NUMBERS[field] then value = tonumber(value) or NUMBERS[field] end
    call[field] = value
  end
  call.answer_ms = tonumber(call.answer_ms)
  return call
end

-- Names of the counters that a call is counted in.
function live.counters(call)
  if call.direction == 'in' then return 'all', 'tg:' .. call.tg, 'did:' .. call.number end
  return 'all', 'tg:' .. call.tg
end

-- Live calls of the account, of the call's trunk and of its number.
function live.busy(account, call)
  local v = redis.call('HMGET', key.busy(account), live.counters(call))
  return { all = tonumber(v[1] or 0), tg = tonumber(v[2] or 0), did = tonumber(v[3] or 0) }
end

-- Counts one call more; returns the counts after.
function live.add(account, call, busy)
  local all, tg, did = live.counters(call)
  local after = { all = busy.all + 1, tg = busy.tg + 1, did = busy.did + 1 }
  if did then
    redis.call('HSET', key.busy(account), all, after.all, tg, after.tg, did, after.did)
  else
    redis.call('HSET', key.busy(account), all, after.all, tg, after.tg)
  end
  redis.call('ZADD', key.live(account), call.now, call.call)
  return after
end

-- Removes a call and counts one less; a counter at zero goes away.
function live.remove(account, call, busy)
  local names = { live.counters(call) }
  local counts = { busy.all, busy.tg, busy.did }
  for i, name in ipairs(names) do
    if counts[i] > 1 then
      redis.call('HSET', key.busy(account), name, counts[i] - 1)
    else
      redis.call('HDEL', key.busy(account), name)
    end
  end
  redis.call('ZREM', key.live(account), call.call)
  redis.call('ZREM', key.due(account), call.call)
  redis.call('DEL', key.call(account, call.call))
end
