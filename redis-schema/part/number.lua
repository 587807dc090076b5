-- A number's record in `numbers`: texts joined by '|'; cnam is last and may hold one.
local number = {}

number.COLUMNS = { 'number', 'tg', 'status', 'order', 'category', 'type', 'order_type', 'monthly', 'since',
  'state', 'cnam' }

local TEXT = '([^|]*)|'
local FORM = '^' .. TEXT .. TEXT .. TEXT .. TEXT .. TEXT .. TEXT .. TEXT .. TEXT .. TEXT .. '(.*)$'

-- tg, status, order, category, type, order_type, monthly, since, state, cnam
function number.unpack(record)
  return string.match(record, FORM)
end

function number.pack(values)
  return table.concat(values, '|', 1, 10)
end
