-- Bitmaps of a block: 10,000 bits, bit n is line n, the highest bit of a byte first.
local bitmap = { BYTES = 1250 }

-- `to` becomes what two of them make by OR, AND or XOR.
function bitmap.combine(operator, to, one, other)
  redis.call('BITOP', operator, to, one, other)
end

-- Lines whose bit is set, ascending, as 4-digit texts: skips `skip` of them, gives at most `most`.
function bitmap.lines(name, skip, most)
  local bytes, found = { string.byte(redis.call('GET', name) or '', 1, -1) }, {}
  for at, byte in ipairs(bytes) do
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
