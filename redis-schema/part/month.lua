--@use clock
-- Months of the calendar (UTC), as numbers that follow on each other: year × 12 + month − 1.
local month = {}

-- "YYYY-MM" of a number, and back.
function month.text(n)
  return string.format('%04d-%02d', math.floor(n / 12), n % 12 + 1)
end

function month.number(text)
  local year, m = string.match(text, '^(%d%d%d%d)%-(%d%d)')
  return year * 12 + m - 1
end

-- The latest month whose day `day` has come at `ms`.
function month.begun(ms, day)
  local today = clock.day(ms)
  local n = month.number(today)
  return tonumber(string.sub(today, 9)) >= day and n or n - 1
end

-- Days since 1970 of a date of the proleptic Gregorian calendar, counted in years from March.
local function days(year, m, day)
  if m <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local yoe = year - era * 400
  local doy = math.floor((153 * (m > 2 and m - 3 or m + 9) + 2) / 5) + day - 1
  return era * 146097 + yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + doy - 719468
end

-- Unix milliseconds of the beginning of a day of a month.
function month.start(n, day)
  return days(math.floor(n / 12), n % 12 + 1, day) * 86400000
end
