-- Bitmaps of a block: 10,000 bits, bit n is line n, the highest bit of a byte first.
local bitmap = {}

local BYTES = 1250

-- The bytes of a bitmap as an array.
function bitmap.load(name)
  local text = redis.call('GET', name) or ''
  local bytes = { string.byte(text, 1, -1) }
  for i = #bytes + 1, BYTES do bytes[i] = 0 end
  return bytes
end

function bitmap.store(name, bytes)
  redis.call('SET', name, string.char(unpack(bytes)))
end

-- Sets a bit; false when it was set before.
function bitmap.set(bytes, line)
  local at, mask = math.floor(line / 8) + 1, 2 ^ (7 - line % 8)
  if math.floor(bytes[at] / mask) % 2 == 1 then return false end
  bytes[at] = bytes[at] + mask
  return true
end

-- Lines whose bit is set, ascending, as 4-digit texts: skips `skip` of them, gives at most `most`.
function bitmap.lines(name, skip, most)
  local bytes, found = bitmap.load(name), {}
  for at = 1, BYTES do
    local byte = bytes[at]
    for place = 0, byte > 0 and 7 or -1 do
      if math.floor(byte / 2 ^ (7 - place)) % 2 == 1 then
        if skip > 0 then
          skip = skip - 1
        else
          found[#found + 1] = string.format('%04d', (at - 1) * 8 + place)
          if #found == most then return found end
        end
      end
    end
  end
  return found
end
