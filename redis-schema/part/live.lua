--@use key reply
-- Live calls: their records, and the counters that always equal them.
local live, int = {}, reply.int

-- Fields of a record, in the order of call_list (which has the call id before them).
live.FIELDS = { 'direction', 'tg', 'number', 'from', 'to', 'upstream', 'source', 'target', 'callid', 'node',
  'boot', 'invite_ms', 'answer_ms', 'rate', 'increment', 'minimum', 'limit_s', 'pdd_ms', 'attempts', 'tax_bp', 'held',
  'paid_s', 'cut', 'mou_s' }

-- A live call's fields by name; nil when there is none. Times, money and seconds are numbers; answer_ms is nil until
-- the answer, mou_s unless its trunk has minutes. All that a call's end adds has its place already: a table that grows
-- costs more than one that is full.
function live.read(account, id)
  local v = redis.call('HMGET', key.call(account, id), unpack(live.FIELDS))
  if not v[1] then return nil end
  return { call = id, direction = v[1], tg = v[2], number = v[3], from = v[4], to = v[5], upstream = v[6],
    source = v[7], target = v[8] or '', callid = v[9], node = v[10], boot = v[11], invite_ms = tonumber(v[12]),
    answer_ms = tonumber(v[13]), rate = tonumber(v[14]), increment = tonumber(v[15]), minimum = tonumber(v[16]),
    limit_s = tonumber(v[17]), pdd_ms = tonumber(v[18]) or 0, attempts = v[19] or '', tax_bp = tonumber(v[20]),
    held = tonumber(v[21]), paid_s = tonumber(v[22]), cut = v[23] or '', mou_s = tonumber(v[24]),
    code = '', reason = '', by = '', estimated = 0, ring_ms = 0, end_ms = 0, ms = 0, billed = 0, amount = 0 }
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
    redis.call('HSET', key.busy(account), all, int(after.all), tg, int(after.tg), did, int(after.did))
  else
    redis.call('HSET', key.busy(account), all, int(after.all), tg, int(after.tg))
  end
  redis.call('ZADD', key.live(account), int(call.now), call.call)
  return after
end

-- Counts one call less; a counter at zero goes away.
local function count_less(account, call, busy)
  local put, gone, counts = {}, {}, { busy.all, busy.tg, busy.did }
  for i, name in ipairs({ live.counters(call) }) do
    if counts[i] > 1 then
      put[#put + 1], put[#put + 2] = name, int(counts[i] - 1)
    else
      gone[#gone + 1] = name
    end
  end
  if put[1] then redis.call('HSET', key.busy(account), unpack(put)) end
  if gone[1] then redis.call('HDEL', key.busy(account), unpack(gone)) end
end

-- Removes a call and counts it less.
function live.remove(account, call, busy)
  count_less(account, call, busy)
  redis.call('ZREM', key.live(account), call.call)
  if call.rate > 0 or call.mou_s then redis.call('ZREM', key.due(account), call.call) end
  redis.call('DEL', key.call(account, call.call))
end
