--@use key reply
-- Call detail records: one entry a call in the account's stream.
local cdr = {}

cdr.FIELDS = { 'call', 'direction', 'tg', 'number', 'from', 'to', 'upstream', 'source', 'target', 'callid',
  'invite_ms', 'ring_ms', 'answer_ms', 'end_ms', 'ms', 'billed', 'rate', 'amount', 'code', 'reason', 'by',
  'attempts', 'pdd_ms', 'node', 'estimated' }

local NUMBERS = { 'invite_ms', 'ring_ms', 'answer_ms', 'end_ms', 'ms', 'billed', 'rate', 'amount', 'pdd_ms', 'estimated' }

-- Field, value…: the names stand here for good, the values are those of the latest record.
local entry = {}
for i = 1, #cdr.FIELDS do entry[2 * i - 1] = cdr.FIELDS[i] end

-- Appends a record that has every field to a stream.
function cdr.put(stream, record)
  for i, field in ipairs(cdr.FIELDS) do entry[2 * i] = record[field] end
  redis.call('XADD', stream, '*', unpack(entry))
end

-- The same to the account's, and counts it. The record's numbers become texts, which costs Redis less.
function cdr.append(account, record)
  for i = 1, #NUMBERS do record[NUMBERS[i]] = reply.int(record[NUMBERS[i]]) end
  cdr.put(key.cdr(account), record)
  redis.call('HINCRBY', key.count(account), 'cdrs', '1')
end

-- The latest `most` records of a stream as a table, newest first.
function cdr.latest(stream, most)
  local out = reply.columns(cdr.FIELDS)
  for _, found in ipairs(redis.call('XREVRANGE', stream, '+', '-', 'COUNT', most)) do
    local values = {}
    for i = 1, #cdr.FIELDS do values[i] = found[2][2 * i] end
    reply.row(out, values, #cdr.FIELDS)
  end
  return out
end
