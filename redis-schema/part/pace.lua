--@use reply
-- Calls a second, smoothed: a list of the ms of the latest calls, newest first, as many as the limit. In any 1000 ms
-- at most so many as the limit pass, in any 250 ms a quarter of it or ten, whichever is more, so that no burst takes
-- the whole allowance. A time to come (the clock went back) counts in neither.
local pace, int = {}, reply.int

local SECOND_MS, QUARTER_MS, QUARTER_LEAST, LIFE_MS = 1000, 250, 10, '2000'

-- ms until a window holds fewer than `most` calls. Of a list that is newest first, the one at `most` decides.
local function until_free(name, now, most, window)
  local at = redis.call('LINDEX', name, int(most - 1))
  local age = at and now - at
  if not age or age < 0 or age >= window then return 0 end
  return window - age
end

-- ms until the next call may pass; nil: now. `limit` nil: there is none.
local function wait_ms(name, now, limit)
  if not limit then return nil end
  if limit == 0 then return SECOND_MS end
  local ms, quarter = until_free(name, now, limit, SECOND_MS), math.max(math.ceil(limit / 4), QUARTER_LEAST)
  if ms == 0 and quarter < limit then ms = until_free(name, now, quarter, QUARTER_MS) end
  return ms > 0 and ms or nil
end

-- Seconds until the next call may pass, rounded up; nil: now.
function pace.wait(name, now, limit)
  local ms = wait_ms(name, now, limit)
  return ms and math.ceil(ms / 1000)
end

-- Counts a call that passes.
function pace.take(name, now, limit)
  if not limit or limit == 0 then return end
  local count = redis.call('LPUSH', name, int(now))
  if count > limit then redis.call('LTRIM', name, 0, int(limit - 1)) end
  redis.call('PEXPIRE', name, LIFE_MS)
end
