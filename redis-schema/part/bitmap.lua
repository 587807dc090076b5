-- Bitmaps of a block: 10,000 bits, bit n is line n, the highest bit of a byte first.
local bitmap = { BYTES = 1250 }

-- `to` becomes what two of them make by OR, AND or XOR.
function bitmap.combine(operator, to, one, other)
  redis.call('BITOP', operator, to, one, other)
end

-- Both are filled as they are wanted.
local PLACES = {} -- byte → places of its bits that are set, ascending, from 0
local TEXTS = {} -- line → its four digits

local function places_of(byte)
  local places = {}
  for place = 0, 7 do
    if math.floor(byte / 2 ^ (7 - place)) % 2 == 1 then places[#places + 1] = place end
  end
  PLACES[byte] = places
  return places
end

local function text_of(line)
  TEXTS[line] = string.format('%04d', line)
  return TEXTS[line]
end

local AT_ONCE = 32 -- bytes taken apart

-- Lines whose bit is set, ascending, as 4-digit texts: skips `skip` of them, gives at most `most`.
function bitmap.lines(name, skip, most)
  local bits, found, n = redis.call('GET', name) or '', {}, 0
  for from = 1, #bits, AT_ONCE do
    for i, byte in ipairs({ string.byte(bits, from, from + AT_ONCE - 1) }) do
      local places = PLACES[byte] or places_of(byte)
      for at = skip + 1, #places do
        local line = (from + i - 2) * 8 + places[at]
        n = n + 1
        found[n] = TEXTS[line] or text_of(line)
        if n == most then return found end
      end
      skip = math.max(skip - #places, 0)
    end
  end
  return found
end
