-- Replies are flat arrays of bulk strings: numbers go out as text, absent fields as ''.
local reply = {}

local small = {} -- texts of the numbers under 1000, as they come: most are among them

-- An integer as text. Lua's own tostring loses digits from 1e14 on.
function reply.int(value)
  local text = small[value]
  if text then return text end
  text = string.format('%d', value)
  if value >= 0 and value < 1000 then small[value] = text end
  return text
end

-- A reply that holds a table: add rows with reply.row.
function reply.columns(names)
  local out = { 'ok', reply.int(#names) }
  for i = 1, #names do out[i + 2] = names[i] end
  return out
end

-- Adds n values; false and nil become ''.
function reply.row(out, values, n)
  local at = #out
  for i = 1, n do out[at + i] = values[i] or '' end
end

-- Adds all of a list, such as HGETALL gives.
function reply.append(out, list)
  local at = #out
  for i = 1, #list do out[at + i] = list[i] end
  return out
end
