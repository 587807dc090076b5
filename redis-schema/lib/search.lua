#!lua name=trunkline_search
--@use door check key reply live cdr

-- Digits without a leading '+' and country code; nil when the text is something else or too short to mean a number.
local function digits_of(text)
  local digits = string.match(text, '^%+?1?(%d%d%d%d+)$')
  return digits
end

-- Whether a call is the one that a text means: its id (of any of its legs), its Call-ID, or part of either number.
local function is_meant(call, text, digits)
  if text == '' or call.call == text or call.callid == text then return true end
  if string.sub(call.call, 1, #text + 1) == text .. '-' then return true end
  return digits and (string.find(call.number, digits, 1, true) or string.find(call.from, digits, 1, true)) and true
end

-- Field, value… of an entry as a record.
local function record_of(entry)
  local record = {}
  for i = 1, #entry, 2 do record[entry[i]] = entry[i + 1] end
  return record
end

local FOUND = {}

-- The next `most` live calls from the latest on: records, and the place of those that follow.
function FOUND.live(account, place, most)
  local at = place == '' and 0 or check.int(place, 0, 1e9, 'place')
  local ids, records = redis.call('ZREVRANGE', key.live(account), at, at + most - 1), {}
  for _, id in ipairs(ids) do
    local call = live.read(account, id)
    if call then
      for name, value in pairs(call) do
        if type(value) == 'number' then call[name] = reply.int(value) end
      end
      records[#records + 1] = call
    end
  end
  return records, #ids == most and reply.int(at + most) or ''
end

-- The same of CDRs.
function FOUND.cdr(account, place, most)
  local from = place == '' and '+' or '(' .. check.match(place, '^%d+%-%d+$', 'place')
  local entries, records = redis.call('XREVRANGE', key.cdr(account), from, '-', 'COUNT', most), {}
  for i, entry in ipairs(entries) do records[i] = record_of(entry[2]) end
  return records, #entries == most and entries[most][1] or ''
end

-- Looks for calls, a piece at a time.
-- KEYS: {a:ACCT}
-- ARGV: live or cdr, text (call id, Call-ID, at least four digits of a number; empty: any), trunk (empty: any), place
--   to go on from (empty: the latest call), most calls to look at
-- Reply: ok, place of those that follow (empty: no more), table: the CDR's fields; of a live call what is known
local function call_find(account, args)
  check.one_of(args[1], FOUND, 'where')
  local text = args[2] == '' and '' or check.match(args[2], check.WORD, 'text')
  local tg, digits = args[3], digits_of(args[2])
  local records, place = FOUND[args[1]](account, args[4], check.int(args[5], 1, 1000, 'most'))
  local out = reply.columns(cdr.FIELDS)
  table.insert(out, 2, place)
  for _, call in ipairs(records) do
    if (tg == '' or call.tg == tg) and is_meant(call, text, digits) then
      local values = {}
      for i, name in ipairs(cdr.FIELDS) do values[i] = call[name] end
      reply.row(out, values, #cdr.FIELDS)
    end
  end
  return out
end

door.read({ 'call_find', key = key.ACCOUNT, args = { 5 }, run = call_find })
