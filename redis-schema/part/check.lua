--@use door
-- Arguments: text in, checked values out. All of them raise a misuse.
local check = {}

-- Money and its multiples stay exact: a sum under 1e14, times 60 seconds, is under 2^53.
check.MONEY_MAX = 100000000000000
check.RATE_MAX = 100000000
check.MS_MAX = 100000000000000
check.AGO_MAX_MS = 366 * 86400000

-- Printable bytes without a space.
check.WORD = '^[^%s%c]+$'

function check.int(text, least, most, what)
  local value = #text <= 16 and string.find(text, '^%-?%d+$') and tonumber(text)
  if not value or value < least or value > most then
    door.misuse(what .. ' is no integer of ' .. string.format('%.0f to %.0f', least, most) .. ': ' .. text)
  end
  return value + 0 -- a negative zero becomes zero
end

-- As check.int; nil when the text is empty or absent.
function check.int_or_nil(text, least, most, what)
  if text and text ~= '' then return check.int(text, least, most, what) end
  return nil
end

function check.match(text, pattern, what)
  if #text > 256 or not string.find(text, pattern) then
    door.misuse('malformed ' .. what .. ': ' .. string.sub(text, 1, 64))
  end
  return text
end

-- `set` has the allowed texts as keys.
function check.one_of(text, set, what)
  if not set[text] then door.misuse('unknown ' .. what .. ': ' .. string.sub(text, 1, 64)) end
  return text
end

function check.id(text, what)
  return check.match(text, '^[1-9]%d*$', what)
end

-- A number in service: ten digits.
function check.number(text)
  return check.match(text, '^%d%d%d%d%d%d%d%d%d%d$', 'number')
end

-- Call ids become part of a key.
function check.call(text)
  if #text > 64 then door.misuse('call id over 64 bytes') end
  return check.match(text, '^[%w_.:%-]+$', 'call id')
end

-- Rules for fields of a hash: functions (text, field) that raise a misuse.
function check.a_range(least, most)
  return function(text, field) check.int(text, least, most, field) end
end

function check.a_choice(set)
  return function(text, field) check.one_of(text, set, field) end
end

function check.a_match(pattern)
  return function(text, field) check.match(text, pattern, field) end
end

function check.optional(rule)
  return function(text, field)
    if text ~= '' then rule(text, field) end
  end
end

check.a_text = check.a_match('^%C*$')

local function is_ipv4(text)
  local bytes = { string.match(text, '^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$') }
  for _, byte in ipairs(bytes) do
    if tonumber(byte) > 255 then return false end
  end
  return #bytes == 4
end

-- RFC 1123 section 2.1: labels of at most 63 letters, digits and inner hyphens; the last one is no number.
local function is_name(text)
  if #text > 253 then return false end
  for label in string.gmatch(text .. '.', '([^.]*)%.') do
    if #label > 63 or not string.find(label, '^%w[%w%-]*$') or string.sub(label, -1) == '-' then return false end
  end
  return not string.find('.' .. text, '%.%d+$')
end

-- An IP address without brackets, or a host name.
function check.host(text, field)
  local v6 = string.find(text, '^[%x:.]+$') and string.find(text, ':.*:')
  if not v6 and not is_ipv4(text) and not is_name(text) then
    door.misuse(field .. ' is neither an IP address nor a host name: ' .. string.sub(text, 1, 64))
  end
end

-- Checks args[from…] as field, value… against a table of rules.
function check.fields(args, from, rules)
  if (#args - from + 1) % 2 ~= 0 then door.misuse('a field without a value') end
  for i = from, #args, 2 do
    local rule = rules[args[i]]
    if not rule then door.misuse('unknown field ' .. string.sub(args[i], 1, 64)) end
    rule(args[i + 1], args[i])
  end
end
