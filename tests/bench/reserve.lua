-- wrk: reserves one number after another and takes each back LAG requests later, when its reply is long there.
-- Arguments: form fields of every request, cart, first number, numbers a thread. Even threads' numbers never meet.
local LAG = 128
local threads = 0

function setup(thread)
  thread:set('id', threads)
  threads = threads + 1
end

function init(args)
  login, cart, first, many = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  headers = { ['Content-Type'] = 'application/x-www-form-urlencoded' }
  count = 0
end

local function number(n)
  return string.format('%.0f', first + id * many + n % many)
end

function request()
  local pair = math.floor(count / 2)
  local back = count % 2 == 1 and pair >= LAG
  count = count + 1
  if back then
    return wrk.format('POST', '/remove_reserved', headers, login .. '&reserveId=' .. cart .. '&number=' .. number(pair - LAG))
  end
  return wrk.format('POST', '/reserve', headers, login .. '&category=landline&state=WA&number=' .. number(pair))
end
