#!lua name=trunkline_billing
--@use door check clock key reply event ledger number price month

-- Monthly fees of the numbers in service, by the activity that they are booked under. A number's order has paid for
-- the period that it was ordered in.
local function fees(account, start)
  local sums = { ['Order (New DIDs)'] = { n = 0, amount = 0 }, ['Order (LNP)'] = { n = 0, amount = 0 } }
  local all, terms = redis.call('HGETALL', key.numbers(account)), number.terms(account)
  for i = 2, #all, 2 do
    local _, status, order = number.unpack(all[i])
    local _, order_type, monthly, since = unpack(terms(order))
    if status ~= '2' and tonumber(since) < start then
      local sum = sums[order_type == 'Portin' and 'Order (LNP)' or 'Order (New DIDs)']
      sum.n, sum.amount = sum.n + 1, sum.amount + tonumber(monthly)
    end
  end
  return sums
end

-- Books one activity's fee; returns the amount.
local function book_fee(account, activity, ref, sum, name)
  if sum.amount == 0 or ledger.booked(account, ref) then return 0 end
  ledger.book_once(account, -sum.amount, activity, ref, string.format('Monthly fee %s, %d numbers', name, sum.n))
  return sum.amount
end

-- Books the monthly fees of one month that has begun (on the account's bill_day, or the first) and was not booked
-- yet, and their tax. The first run begins with the month under way; later ones catch up month by month.
-- KEYS: {a:ACCT}
-- Reply: ok, month (YYYY-MM), numbers, amount, tax, balance
-- Refusals: none (no month is due) · closed · notfound
local function fee_charge(account)
  local v = redis.call('HMGET', account, 'status', 'bill_day', 'fee_month', 'tax_bp', 'balance')
  if not v[1] then return { 'notfound' } end
  if v[1] ~= '1' then return { 'closed' } end
  local day = tonumber(v[2] or 1)
  local begun = month.begun(clock.now(), day)
  local due = v[3] and month.number(v[3]) + 1 or begun
  if due > begun then return { 'none' } end
  local name, sums = month.text(due), fees(account, month.start(due, day))
  local new, ported = sums['Order (New DIDs)'], sums['Order (LNP)']
  local tax = price.share(new.amount + ported.amount, tonumber(v[4] or 0))
  if new.amount + ported.amount + tax + math.abs(tonumber(v[5])) > check.MONEY_MAX then
    door.misuse('amount out of range')
  end
  local amount = book_fee(account, 'Order (New DIDs)', 'fee:' .. name, new, name)
    + book_fee(account, 'Order (LNP)', 'fee:lnp:' .. name, ported, name)
  if tax > 0 and not ledger.booked(account, 'tax:' .. name) then
    ledger.book_once(account, -tax, 'USF Tax Deduction', 'tax:' .. name, 'Tax on monthly fees ' .. name)
  end
  redis.call('HSET', account, 'fee_month', name)
  return { 'ok', name, reply.int(new.n + ported.n), reply.int(amount), reply.int(tax),
    redis.call('HGET', account, 'balance') }
end

local MONTH = '^%d%d%d%d%-%d%d$'

-- Remembers the invoice of a month; one made again takes the place of the old.
-- KEYS: {a:ACCT}
-- ARGV: month, file, charges, payments, balance at its end
-- Reply: ok
-- Refusals: notfound (no account)
local function invoice_put(account, args)
  local name = check.match(args[1], MONTH, 'month')
  check.match(args[2], '^[%w_./%-]+$', 'file')
  for i = 3, 5 do check.int(args[i], -check.MONEY_MAX, check.MONEY_MAX, 'amount') end
  if redis.call('EXISTS', account) == 0 then return { 'notfound' } end
  local text = table.concat(args, '|', 2, 5)
  if redis.call('HGET', key.invoices(account), name) == text then return { 'ok' } end
  redis.call('HSET', key.invoices(account), name, text)
  event.add(account, 'invoice.created', { 'month', name, 'charges', event.money(args[3]), 'payments',
    event.money(args[4]), 'balance', event.money(args[5]) })
  return { 'ok' }
end

local INVOICE = { 'month', 'date', 'file', 'charges', 'payments', 'balance' }

-- KEYS: {a:ACCT}
-- Reply: ok, table: month, date (ms: when the month was over), file, charges, payments, balance, oldest first
local function invoice_list(account)
  local months, out = redis.call('HKEYS', key.invoices(account)), reply.columns(INVOICE)
  table.sort(months)
  for _, name in ipairs(months) do
    local file, charges, payments, balance = string.match(redis.call('HGET', key.invoices(account), name),
      '^([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
    local date = reply.int(month.start(month.number(name) + 1, 1))
    reply.row(out, { name, date, file, charges, payments, balance }, #INVOICE)
  end
  return out
end

-- The month that is over: an invoice is due for it.
-- KEYS: {a:ACCT}
-- Reply: ok, month (YYYY-MM), `made` or `due`
-- Refusals: none (the account is younger) · notfound
local function invoice_due(account)
  local created = redis.call('HGET', account, 'created')
  if not created then return { 'notfound' } end
  local n = month.begun(clock.now(), 1)
  if tonumber(created) >= month.start(n, 1) then return { 'none' } end
  local name = month.text(n - 1)
  return { 'ok', name, redis.call('HEXISTS', key.invoices(account), name) == 1 and 'made' or 'due' }
end

local CALL = { 'id', 'direction', 'tg', 'number', 'from', 'to', 'answer_ms', 'end_ms', 'billed', 'rate', 'amount' }

-- Calls that cost something, in the order that they were booked.
-- KEYS: {a:ACCT}
-- ARGV: id of the CDR to go on after (or ms to begin at), end (ms, exclusive), most entries to look at
-- Reply: ok, id of the last CDR looked at (empty: no more), table: id, direction, tg, number, from, to, answer_ms,
-- end_ms, billed, rate, amount
local function call_charges(account, args)
  local from = check.match(args[1], '^%d+%-?%d*$', 'CDR id')
  check.int(string.match(from, '^%d+'), 0, check.MS_MAX, 'CDR id')
  local to = check.int(args[2], 1, check.MS_MAX, 'end')
  local most = check.int(args[3], 1, 10000, 'most')
  if string.find(from, '-', 1, true) then from = '(' .. from end
  local entries = redis.call('XRANGE', key.cdr(account), from, reply.int(to - 1), 'COUNT', most)
  local table_, out = reply.columns(CALL), { 'ok', #entries == most and entries[#entries][1] or '' }
  for _, entry in ipairs(entries) do
    local f = {}
    for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
    if f.amount ~= '0' then
      reply.row(table_, { entry[1], f.direction, f.tg, f.number, f.from, f.to, f.answer_ms, f.end_ms, f.billed,
        f.rate, f.amount }, #CALL)
    end
  end
  for i = 2, #table_ do out[#out + 1] = table_[i] end
  return out
end

door.write({ 'fee_charge', key = key.ACCOUNT, args = { 0 }, run = fee_charge })
door.write({ 'invoice_put', key = key.ACCOUNT, args = { 5 }, run = invoice_put })
door.read({ 'invoice_list', key = key.ACCOUNT, args = { 0 }, run = invoice_list })
door.read({ 'invoice_due', key = key.ACCOUNT, args = { 0 }, run = invoice_due })
door.read({ 'call_charges', key = key.ACCOUNT, args = { 3 }, run = call_charges })
