--@use key rating reply
-- Money of live calls: each holds a slice of the balance at its admission and one more whenever that is about to
-- be used up, so that all calls together never hold more than there is. `held` of the account is their sum.
local hold = {}

local SLICE_MS = 60000

-- Seconds and money of a call's first slice; 0 seconds when the money isn't enough for the first that is billed.
function hold.first(call, available)
  local seconds = rating.billed(SLICE_MS, call.increment, call.minimum)
  if rating.cost(call, seconds) > available then seconds = rating.paid(available, call) end
  return seconds, seconds > 0 and rating.cost(call, seconds) or 0
end

-- The same after one more slice, of a call that holds `held` for `paid_s` seconds; unchanged when there is no
-- money for more.
function hold.next(call, available)
  local seconds = rating.billed(call.paid_s * 1000 + SLICE_MS, call.increment, call.minimum)
  if rating.cost(call, seconds) - call.held > available then seconds = rating.paid(available + call.held, call) end
  if seconds <= call.paid_s then return call.paid_s, call.held end
  return seconds, rating.cost(call, seconds)
end

-- Changes what the account's calls hold.
function hold.add(account, money)
  if money ~= 0 then redis.call('HINCRBY', account, 'held', reply.int(money)) end
end

-- When what an answered call holds, money or minutes, is used up; nil for one that needs neither.
function hold.until_ms(call)
  local seconds = call.rate > 0 and call.paid_s or call.mou_s
  if not seconds then return nil end
  return call.answer_ms + math.min(seconds, call.mou_s or seconds) * 1000
end

-- When an answered call must have its next slice.
function hold.set_due(account, call)
  local at = hold.until_ms(call)
  if at then redis.call('ZADD', key.due(account), reply.int(at), call.call) end
end
