#!lua name=trunkline_recovery
--@use door check clock key reply rating hold ledger minutes stats cdr live ending

local OVERTIME_MS = 60000

-- Ends a call at the time given, but not past what it was granted.
local function close_lost(account, c, end_ms, now, reason)
  local answer_ms = c.answer_ms
  if answer_ms then end_ms = math.max(math.min(end_ms, answer_ms + c.limit_s * 1000), answer_ms) end
  c.code, c.reason, c.by, c.estimated = answer_ms and '200' or '408', reason, 'system', 1
  ending.settle(c, answer_ms, end_ms)
  ending.close(account, c, now)
end

-- Whether nobody will end this call any more.
local function is_lost(c, reap)
  if reap.now - (c.answer_ms or c.invite_ms) > c.limit_s * 1000 + OVERTIME_MS then return true end
  if c.node ~= reap.node or (c.answer_ms and not reap.answered) then return false end
  return reap.boots['*'] or reap.boots[c.boot]
end

-- Ends the calls of a node that nobody else will end: those of the boots given that were never answered, or all of
-- these boots' calls. And, whatever its node, any call that is over its longest duration by a minute.
-- KEYS: {a:ACCT}
-- ARGV: node, boots that are gone (space separated; `*`: all that ever were), most calls, `1`: the answered ones
--   too, ended ms ago (optional: how long the node has been silent)
-- Reply: ok, closed
local function call_reap(account, args)
  local most = check.int(args[3], 1, 100000, 'most')
  local reap = { node = args[1], boots = {}, now = clock.now(), answered = args[4] == '1' }
  for boot in string.gmatch(args[2], '%S+') do reap.boots[boot] = true end
  local end_ms = reap.now - (check.int_or_nil(args[5], 0, check.AGO_MAX_MS, 'ended ms ago') or 0)
  local closed = 0
  for _, id in ipairs(redis.call('ZRANGE', key.live(account), 0, -1)) do
    local c = live.read(account, id)
    if c and is_lost(c, reap) then
      close_lost(account, c, end_ms, reap.now, 'lost')
      closed = closed + 1
      if closed == most then break end
    end
  end
  return { 'ok', reply.int(closed) }
end

-- Seconds of its trunk's minutes that a call holds after one slice more.
local function more_minutes(account, c, now)
  local mou = tonumber(redis.call('HGET', key.trunk(account, c.tg), 'mou') or '')
  return minutes.next(c, mou and minutes.left(account, c.tg, mou, now) or math.huge)
end

-- Holds one slice more for a call: of money if it costs, of minutes if its trunk has them. Returns what there is too
-- little of, or nil. A call that got none is marked: it isn't billed more than it holds, however long its end takes.
local function extend(account, c, available, now)
  local name, seconds, money = key.call(account, c.call), c.paid_s, c.held
  if c.rate > 0 then seconds, money = hold.next(c, available) end
  local mou_s = c.mou_s and more_minutes(account, c, now)
  local lack = c.rate > 0 and seconds == c.paid_s and 'balance' or mou_s == c.mou_s and c.mou_s and 'mou' or nil
  if lack then
    if c.cut ~= '1' then redis.call('HSET', name, 'cut', 1) end
    return lack
  end
  hold.add(account, money - c.held)
  redis.call('HSET', name, 'held', money, 'paid_s', seconds)
  if mou_s then
    minutes.add(account, c.tg, mou_s - c.mou_s)
    redis.call('HSET', name, 'mou_s', mou_s)
  end
  if c.cut == '1' then redis.call('HDEL', name, 'cut') end
  c.held, c.paid_s, c.mou_s = money, seconds, mou_s or nil
  hold.set_due(account, c)
  return nil
end

local LATE_MS = 10000

-- A call that has used up what it holds: its instance is asked to end it; nobody does, it is closed. True: closed.
local function cut_off(account, c, now, lack)
  local end_ms = hold.until_ms(c)
  if now < end_ms then return false end
  if now - end_ms < LATE_MS then
    ending.ask(account, c.call, lack)
    return false
  end
  c.limit_s, c.cut = (end_ms - c.answer_ms) / 1000, '1'
  close_lost(account, c, now, now, lack)
  return true
end

-- Holds the next slice for every call whose slice is used up within the margin. One that there is no money for, or no
-- minutes, goes on as long as what it holds; then it is ended.
-- KEYS: {a:ACCT}
-- ARGV: margin ms, most calls
-- Reply: ok, extended, ended
local function call_extend(account, args)
  local margin, most = check.int(args[1], 0, 3600000, 'margin'), check.int(args[2], 1, 100000, 'most')
  local now, extended, ended = clock.now(), 0, 0
  local due = redis.call('ZRANGEBYSCORE', key.due(account), '-inf', now + margin, 'LIMIT', 0, most)
  local available = #due > 0 and ledger.available(account)
  for _, id in ipairs(due) do
    local c = live.read(account, id)
    local held, lack = c and c.held, nil
    if c then lack = extend(account, c, available, now) end
    if not c then
      redis.call('ZREM', key.due(account), id)
    elseif not lack then
      extended, available = extended + 1, available - (c.held - held)
    elseif cut_off(account, c, now, lack) then
      available, ended = ledger.available(account), ended + 1
    end
  end
  return { 'ok', reply.int(extended), reply.int(ended) }
end

-- The longest duration of a call that has reached it, by what may be spent now; it never becomes shorter.
-- KEYS: {a:ACCT}
-- ARGV: call id, longest call in seconds (as at its admission)
-- Reply: ok, longest seconds
-- Refusals: notfound
local function call_lengthen(account, args)
  local c = live.read(account, check.call(args[1]))
  local seconds = check.int(args[2], 1, 31622400, 'longest call')
  if not c then return { 'notfound' } end
  if c.rate > 0 then seconds = math.min(seconds, rating.paid(ledger.available(account) + c.held, c)) end
  local mou = c.mou_s and tonumber(redis.call('HGET', key.trunk(account, c.tg), 'mou') or '')
  if mou then
    seconds = math.min(seconds, minutes.longest(c, minutes.left(account, c.tg, mou, clock.now()) + c.mou_s))
  end
  if seconds <= c.limit_s then return { 'ok', reply.int(c.limit_s) } end
  redis.call('HSET', key.call(account, c.call), 'limit_s', seconds)
  return { 'ok', reply.int(seconds) }
end

-- What a stock of live calls should be counted as, and what they hold.
local function recount(account)
  local counted, held, mou, missing, n = {}, 0, {}, {}, 0
  for _, id in ipairs(redis.call('ZRANGE', key.live(account), 0, -1)) do
    local c = live.read(account, id)
    if c then
      n, held = n + 1, held + c.held
      if c.mou_s then mou[c.tg] = (mou[c.tg] or 0) + c.mou_s end
      for _, name in ipairs({ live.counters(c) }) do counted[name] = (counted[name] or 0) + 1 end
    else
      missing[#missing + 1] = id
    end
  end
  return { counted = counted, held = held, mou = mou, missing = missing, live = n }
end

-- field → number of a hash.
local function numbers_of(hash)
  local all, out = redis.call('HGETALL', hash), {}
  for i = 1, #all, 2 do out[all[i]] = tonumber(all[i + 1]) end
  return out
end

-- What differs: rows of what, is, should be.
local function differences(account)
  local seen, rows = recount(account), {}
  local function compare(what, is, should)
    if is ~= should then rows[#rows + 1] = { what, reply.int(is), reply.int(should) } end
  end
  local function compare_all(kind, is, should)
    for name, value in pairs(is) do compare(kind .. name, value, should[name] or 0) end
    for name, value in pairs(should) do
      if not is[name] then compare(kind .. name, 0, value) end
    end
  end
  local count = numbers_of(key.count(account))
  compare_all('busy ', numbers_of(key.busy(account)), seen.counted)
  compare_all('mou ', numbers_of(key.mou(account)), seen.mou)
  for _, id in ipairs(seen.missing) do rows[#rows + 1] = { 'live ' .. id, '1', '0' } end
  local held = tonumber(redis.call('HGET', account, 'held') or 0)
  local written = redis.call('XLEN', key.cdr(account)) + (count.trimmed or 0)
  compare('held', held, seen.held)
  compare('cdrs', count.cdrs or 0, written)
  compare('admitted', count.admitted or 0, written + seen.live - (count.refused or 0))
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  return rows, seen, count
end

local DIFFERENCE = { 'what', 'is', 'should' }

-- Compares what is counted with what is there.
-- KEYS: {a:ACCT}
-- Reply: ok, admitted, refused, cdrs, live, balance, id of the last ledger line (empty: none), then a table: what,
--   is, should (empty when all agrees)
-- Refusals: notfound
local function call_audit(account)
  local balance = redis.call('HGET', account, 'balance')
  if not balance then return { 'notfound' } end
  local rows, seen, count = differences(account)
  local last = redis.call('XREVRANGE', key.ledger(account), '+', '-', 'COUNT', 1)[1]
  local out = { 'ok', reply.int(count.admitted or 0), reply.int(count.refused or 0), reply.int(count.cdrs or 0),
    reply.int(seen.live), balance, last and last[1] or '', reply.int(#DIFFERENCE), unpack(DIFFERENCE) }
  for _, row in ipairs(rows) do reply.row(out, row, #DIFFERENCE) end
  return out
end

local TOTAL = { 'tg', 'direction', 'sessions', 'busy', 'processed', 'completed', 'ms', 'today', 'today_answered',
  'today_ms', 'cps', 'title' }

-- What is counted of calls, for metrics: cheap, nothing is walked but the trunks.
-- KEYS: {a:ACCT}
-- Reply: ok, admitted, refused, cdrs, live, held, then a table: tg, direction, sessions (granted; empty: no limit),
--   busy, processed, completed, ms (answered, ever), today, today_answered, today_ms (the same of this day, UTC), cps
--   (granted; empty: no limit), title
-- Refusals: notfound
local function call_totals(account)
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local count, busy = numbers_of(key.count(account)), numbers_of(key.busy(account))
  local out = { 'ok', reply.int(count.admitted or 0), reply.int(count.refused or 0), reply.int(count.cdrs or 0),
    reply.int(redis.call('ZCARD', key.live(account))), redis.call('HGET', account, 'held') or '0' }
  reply.append(out, { reply.int(#TOTAL), unpack(TOTAL) })
  local day = clock.day(clock.now())
  for _, tg in ipairs(redis.call('ZRANGE', key.trunks(account), 0, -1)) do
    local trunk = redis.call('HMGET', key.trunk(account, tg), 'kind', 'sessions', 'cps', 'title')
    local ever = stats.read(key.stats_tg(account, tg))
    local today = redis.call('HMGET', key.period(key.stats_tg(account, tg), day), 'processed', 'completed', 'ms')
    reply.row(out, { tg, trunk[1], trunk[2], reply.int(busy['tg:' .. tg] or 0), reply.int(ever.processed),
      reply.int(ever.completed), reply.int(ever.ms), today[1] or '0', today[2] or '0', today[3] or '0', trunk[3],
      trunk[4] }, #TOTAL)
  end
  return out
end

local REPAIRS_KEPT = 1000

local function note_repair(account, what, was, is, by)
  redis.call('XADD', key.repairs(account), 'MAXLEN', '~', REPAIRS_KEPT, '*', 'what', what, 'was', was, 'is', is,
    'by', by)
end

local function set_count(hash, field, value)
  if value == 0 then redis.call('HDEL', hash, field) else redis.call('HSET', hash, field, value) end
end

-- One difference set right.
local function repair(account, what, should)
  local kind, name = string.match(what, '^(%S+) (.+)$')
  if kind == 'busy' then
    set_count(key.busy(account), name, should)
  elseif kind == 'mou' then
    set_count(key.mou(account), name, should)
  elseif kind == 'live' then
    redis.call('ZREM', key.live(account), name)
    redis.call('ZREM', key.due(account), name)
  elseif what == 'held' then
    redis.call('HSET', account, 'held', should)
  else
    redis.call('HSET', key.count(account), what, should)
  end
end

-- Sets right what call_audit tells, and keeps a record of it.
-- KEYS: {a:ACCT}
-- ARGV: by whom
-- Reply: ok, table: what, is, should (what was set right)
-- Refusals: notfound
local function call_repair(account, args)
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local by, out = check.match(args[1], '^%C+$', 'by'), reply.columns(DIFFERENCE)
  for _, row in ipairs((differences(account))) do
    repair(account, row[1], tonumber(row[3]))
    note_repair(account, row[1], row[2], row[3], by)
    reply.row(out, row, #DIFFERENCE)
  end
  return out
end

-- Sets the balance to the sum of the ledger's lines, which the caller has added up, and says so in a line of its own,
-- whose balance is that sum: whoever adds up later need not look at what disagreed before it.
-- KEYS: {a:ACCT}
-- ARGV: id of the last line that was added up (empty: there are none), sum, by whom
-- Reply: ok, balance before, balance after
-- Refusals: changed (another line has come since) · notfound
local function ledger_repair(account, args)
  local last, by = check.match(args[1], '^%d*%-?%d*$', 'line id'), check.match(args[3], '^%C+$', 'by')
  local sum = check.int(args[2], -check.MONEY_MAX, check.MONEY_MAX, 'sum')
  local balance = redis.call('HGET', account, 'balance')
  if not balance then return { 'notfound' } end
  local latest = redis.call('XREVRANGE', key.ledger(account), '+', '-', 'COUNT', 1)[1]
  if (latest and latest[1] or '') ~= last then return { 'changed' } end
  redis.call('HSET', account, 'balance', args[2])
  local is, id = ledger.book(account, 0, 'Balance Repair', 'repair:' .. last,
    'balance was ' .. balance .. ', is ' .. args[2] .. ' (1/10,000), by ' .. by)
  note_repair(account, 'ledger ' .. id, balance, is, by)
  return { 'ok', balance, reply.int(is) }
end

-- CDRs in the order of the stream, for who archives them.
-- KEYS: {a:ACCT}
-- ARGV: id of the entry to go on after (empty: from the first), most
-- Reply: ok, table: id and the CDR's fields, oldest first
local function cdr_read(account, args)
  local from, most = '-', check.int(args[2], 1, 100000, 'most')
  if args[1] ~= '' then from = '(' .. check.match(args[1], '^%d+%-%d+$', 'entry id') end
  local columns = reply.append({ 'id' }, cdr.FIELDS)
  local out = reply.columns(columns)
  for _, entry in ipairs(redis.call('XRANGE', key.cdr(account), from, '+', 'COUNT', most)) do
    local values = { entry[1] }
    for i = 1, #cdr.FIELDS do values[i + 1] = entry[2][2 * i] end
    reply.row(out, values, #columns)
  end
  return out
end

-- Removes CDRs that are archived and older than needed.
-- KEYS: {a:ACCT}
-- ARGV: id of the last entry that is archived, ms that an entry is kept at least
-- Reply: ok, removed
local function cdr_trim(account, args)
  local archived = check.match(args[1], '^%d+%-%d+$', 'entry id')
  local keep = clock.now() - check.int(args[2], 0, check.AGO_MAX_MS * 10, 'ms kept')
  local removed, first = 0, tonumber(string.match(archived, '^%d+')) + 1
  if first <= keep then
    removed = redis.call('XTRIM', key.cdr(account), 'MINID', archived)
      + redis.call('XDEL', key.cdr(account), archived)
  elseif keep > 0 then
    removed = redis.call('XTRIM', key.cdr(account), 'MINID', string.format('%.0f', keep))
  end
  if removed > 0 then redis.call('HINCRBY', key.count(account), 'trimmed', removed) end
  return { 'ok', reply.int(removed) }
end

-- KEYS: {a:ACCT}
-- ARGV: call ids…
-- Reply: ok, those of them that are not live
local function call_gone(account, args)
  local out = { 'ok' }
  for _, id in ipairs(args) do
    if redis.call('EXISTS', key.call(account, check.call(id))) == 0 then out[#out + 1] = id end
  end
  return out
end

door.read({ 'call_gone', key = key.ACCOUNT, args = { 1, 1000 }, run = call_gone })
door.write({ 'call_reap', aside = true, key = key.ACCOUNT, args = { 4, 5 }, run = call_reap })
door.write({ 'call_extend', aside = true, key = key.ACCOUNT, args = { 2 }, run = call_extend })
door.write({ 'call_lengthen', aside = true, key = key.ACCOUNT, args = { 2 }, run = call_lengthen })
door.read({ 'call_audit', key = key.ACCOUNT, args = { 0 }, run = call_audit })
door.read({ 'call_totals', key = key.ACCOUNT, args = { 0 }, run = call_totals })
door.write({ 'call_repair', aside = true, key = key.ACCOUNT, args = { 1 }, run = call_repair })
door.write({ 'ledger_repair', key = key.ACCOUNT, args = { 3 }, run = ledger_repair })
door.read({ 'cdr_read', key = key.ACCOUNT, args = { 2 }, run = cdr_read })
door.write({ 'cdr_trim', aside = true, key = key.ACCOUNT, args = { 2 }, run = cdr_trim })
