--@use key clock rating stats
-- Minutes of a month that a trunk may use (`mou`): each live call of such a trunk holds seconds at its admission and
-- more whenever these are about to be used up, as it holds money (part hold), so that all calls together are never
-- billed more than there is. The hash `mou` has the sum of each trunk's live calls.
local minutes = {}

local SLICE_MS = 60000

-- Seconds of the trunk's minutes that nothing has used or holds at `now`.
function minutes.left(account, tg, mou, now)
  local month = string.sub(clock.day(now), 1, 7)
  local held = tonumber(redis.call('HGET', key.mou(account), tg) or 0)
  return mou * 60 - stats.read(key.stats_tg(account, tg), month).billed - held
end

-- The longest that a call can last within so many seconds, on the grid of its minimum and increments; 0: not even
-- the first that is billed.
function minutes.longest(call, seconds)
  if seconds < math.max(call.minimum, 1) then return 0 end
  return call.minimum + math.floor((seconds - call.minimum) / call.increment) * call.increment
end

-- What a call that holds `call.mou_s` seconds holds after one more slice; unchanged when nothing is left.
function minutes.next(call, left)
  local wanted = rating.billed((call.mou_s or 0) * 1000 + SLICE_MS, call.increment, call.minimum)
  return math.max(call.mou_s or 0, math.min(wanted, minutes.longest(call, left + (call.mou_s or 0))))
end

-- Changes what the trunk's calls hold.
function minutes.add(account, tg, seconds)
  if seconds ~= 0 and redis.call('HINCRBY', key.mou(account), tg, seconds) == 0 then
    redis.call('HDEL', key.mou(account), tg)
  end
end
