#!lua name=trunkline_audit
--@use door check clock key reply

-- One entry a write: id of the write, who did it, by what program, from where, id of the request, endpoint or verb,
-- parameters without secrets, outcome (ok or a code; begun: not over yet), text of a refusal.
local FIELDS = { 'write', 'by', 'via', 'from', 'request', 'what', 'params', 'outcome', 'error' }
local LONGEST = { by = 320, params = 2048, error = 256 }
local REPEAT_WITHIN = 32 -- entries

local function a_text(text, field)
  if #text > (LONGEST[field] or 128) or string.find(text, '%c') then door.misuse('malformed ' .. field) end
  return text
end

-- Whether a write and outcome is among the last entries; it is the latest from now on, if not. The list beside the stream
-- is there because reading so many entries would cost more than all the rest.
local function is_known(stream, write, outcome)
  local name, mark = key.audit_marks(stream), write .. ' ' .. outcome
  if redis.call('LPOS', name, mark) then return true end
  redis.call('LPUSH', name, mark)
  redis.call('LTRIM', name, 0, REPEAT_WITHIN - 1)
  return false
end

-- Notes a write; the same one and outcome again, within the last entries, is noted once.
-- KEYS: audit:{a:ACCT} or audit:{all}
-- ARGV: write, by, via, from, request, what, params, outcome, error
-- Reply: ok
-- Refusals: notfound (no such account)
local function audit_add(stream, args)
  local entry = {}
  for i, field in ipairs(FIELDS) do
    entry[2 * i - 1], entry[2 * i] = field, a_text(args[i], field)
  end
  check.match(args[1], '^[0-9a-f]+$', 'write')
  check.match(args[8], '^[%l_]+$', 'outcome')
  local account = key.audited(stream)
  if account and redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  if not is_known(stream, args[1], args[8]) then redis.call('XADD', stream, '*', unpack(entry)) end
  return { 'ok' }
end

local COLUMNS = { 'id', 'time' }
for i = 1, #FIELDS do COLUMNS[i + 2] = FIELDS[i] end

local function table_of(entries)
  local out = reply.columns(COLUMNS)
  for _, entry in ipairs(entries) do
    local row = { entry[1], string.match(entry[1], '^%d+') }
    for i = 1, #FIELDS do row[i + 2] = entry[2][2 * i] end
    reply.row(out, row, #COLUMNS)
  end
  return out
end

-- Entries in their order, for who archives them.
-- KEYS: audit:{a:ACCT} or audit:{all}
-- ARGV: id of the entry to go on after (empty: from the first), most
-- Reply: ok, table: id, time (ms) and the fields, oldest first
local function audit_read(stream, args)
  local from, most = '-', check.int(args[2], 1, 100000, 'most')
  if args[1] ~= '' then from = '(' .. check.match(args[1], '^%d+%-%d+$', 'entry id') end
  return table_of(redis.call('XRANGE', stream, from, '+', 'COUNT', most))
end

-- The latest entries.
-- KEYS: audit:{a:ACCT} or audit:{all}
-- ARGV: since (ms; empty: from the first), most
-- Reply: ok, table as audit_read, newest first
local function audit_list(stream, args)
  local since, most = check.int_or_nil(args[1], 0, check.MS_MAX, 'since'), check.int(args[2], 1, 100000, 'most')
  return table_of(redis.call('XREVRANGE', stream, '+', since and reply.int(since) or '-', 'COUNT', most))
end

-- Removes entries that are archived and older than needed.
-- KEYS: audit:{a:ACCT} or audit:{all}
-- ARGV: id of the last entry that is archived, ms that an entry is kept at least
-- Reply: ok, removed
local function audit_trim(stream, args)
  local archived = check.match(args[1], '^%d+%-%d+$', 'entry id')
  local keep = clock.now() - check.int(args[2], 0, check.AGO_MAX_MS * 10, 'ms kept')
  local last, removed = tonumber(string.match(archived, '^%d+')), 0
  if last < keep then
    removed = redis.call('XTRIM', stream, 'MINID', archived) + redis.call('XDEL', stream, archived)
  elseif keep > 0 then
    removed = redis.call('XTRIM', stream, 'MINID', reply.int(keep))
  end
  return { 'ok', reply.int(removed) }
end

door.write({ 'audit_add', key = key.AUDIT, args = { 9 }, run = audit_add })
door.read({ 'audit_read', key = key.AUDIT, args = { 2 }, run = audit_read })
door.read({ 'audit_list', key = key.AUDIT, args = { 2 }, run = audit_list })
door.write({ 'audit_trim', key = key.AUDIT, args = { 2 }, run = audit_trim })
