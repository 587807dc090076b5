-- Time is Redis TIME; days and months are UTC.
local clock = {}

-- Unix milliseconds.
function clock.now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Unix microseconds, as text.
function clock.micros()
  local t = redis.call('TIME')
  return string.format('%d%06d', t[1], t[2])
end

local DAY_MS = 86400000
local seen_day, seen_text = -1, ''

-- Days since 1970 to a date of the proleptic Gregorian calendar, counted in years from March.
local function civil(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return string.format('%04d-%02d-%02d', year, month, doy - math.floor((153 * mp + 2) / 5) + 1)
end

-- "YYYY-MM-DD"; its first seven characters are the month.
function clock.day(ms)
  local day = math.floor(ms / DAY_MS)
  if day ~= seen_day then
    seen_day, seen_text = day, civil(day)
  end
  return seen_text
end

-- "YYYY-MM-DD HH:MM:SS", as the API writes times.
function clock.text(ms)
  local seconds = math.floor(ms / 1000) % 86400
  return string.format('%s %02d:%02d:%02d', clock.day(ms), math.floor(seconds / 3600), math.floor(seconds / 60) % 60,
    seconds % 60)
end
