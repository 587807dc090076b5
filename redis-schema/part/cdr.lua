--@use key
-- Call detail records: one entry a call in the account's stream.
local cdr = {}

cdr.FIELDS = { 'call', 'direction', 'tg', 'number', 'from', 'to', 'upstream', 'source', 'target', 'callid',
  'invite_ms', 'ring_ms', 'answer_ms', 'end_ms', 'ms', 'billed', 'rate', 'amount', 'code', 'reason', 'by',
  'attempts', 'pdd_ms', 'node', 'estimated' }

-- Field, value…: the names stand here for good, the values are those of the latest record.
local entry = {}
for i = 1, #cdr.FIELDS do entry[2 * i - 1] = cdr.FIELDS[i] end

-- Appends a record that has every field, and counts it.
function cdr.append(account, record)
  for i, field in ipairs(cdr.FIELDS) do entry[2 * i] = record[field] end
  redis.call('XADD', key.cdr(account), '*', unpack(entry))
  redis.call('HINCRBY', key.count(account), 'cdrs', '1')
end
