#!lua name=reference
-- The least that a proxy must ask of Redis for a call: whose number, a place on its trunk, and at the end the place
-- back and a record. What Kamailio calls beside sipmod's call_admit, call_answer and call_finish.

-- KEYS: ref:did:N · ARGV: call id, now ms, lease seconds
-- Reply: `200 TG PREFIX HOST PORT`, or the SIP code of a refusal
local function ref_admit(keys, args)
  local tg = redis.call('HMGET', keys[1], 'tg')[1]
  if not tg then return '404' end
  local name, now = 'ref:tg:' .. tg, tonumber(args[2])
  local host, port, prefix, _, _, _, sessions, cps = unpack(redis.call('HMGET', name, 'host', 'port', 'prefix',
    'host2', 'port2', 'prefix2', 'sessions', 'cps'))
  local calls, second = name .. ':calls', name .. ':cps:' .. math.floor(now / 1000)
  redis.call('ZREMRANGEBYSCORE', calls, '-inf', now)
  if redis.call('ZCARD', calls) >= tonumber(sessions) then return '486' end
  local count = redis.call('INCR', second)
  if count == 1 then redis.call('EXPIRE', second, 3) end
  if count > tonumber(cps) then return '503' end
  redis.call('ZADD', calls, now + tonumber(args[3]) * 1000, args[1])
  return table.concat({ '200', tg, prefix, host, port }, ' ')
end

-- KEYS: ref:tg:TG:calls · ARGV: call id, number, trunk, start, end (seconds), SIP code
local function ref_done(keys, args)
  redis.call('ZREM', keys[1], args[1])
  redis.call('XADD', 'ref:cdr', 'MAXLEN', '~', 100000, '*', 'call', args[1], 'number', args[2], 'tg', args[3],
    'start', args[4], 'end', args[5], 'code', args[6])
  return 'OK'
end

redis.register_function('ref_admit', ref_admit)
redis.register_function('ref_done', ref_done)
