--@use key clock rating hold ledger minutes stats cdr live news
-- How a live call ends: times, price, and all that is written at once with its CDR.
local ending = { CODE = '487' }

local ONCE_MS = 120000
local KILLS_MS = 60000

-- Remembers that a call is over or was refused, for a repeated or late admission.
function ending.remember(account, id, code, reason, wait)
  redis.call('SET', key.once(account, id), code .. ' ' .. reason .. ' ' .. wait, 'PX', ONCE_MS)
end

-- The same for a call that nothing is known of; what is remembered already stays.
function ending.remember_unknown(account, id)
  redis.call('SET', key.once(account, id), ending.CODE .. ' ended ', 'PX', ONCE_MS, 'NX')
end

-- Asks the instance that carries a call to end it: by the channel, and for those that can't listen in a hash.
function ending.ask(account, id, reason)
  redis.call('PUBLISH', key.CHANNEL_KILL, id .. ' ' .. reason)
  redis.call('HSET', key.kills(account), id, reason)
  redis.call('PEXPIRE', key.kills(account), KILLS_MS)
end

-- Fills in times, seconds and amount of a call that ended; answer_ms is nil when nobody answered.
-- INVITE, ringing, answer and end are never out of order.
function ending.settle(c, answer_ms, end_ms)
  c.end_ms = math.max(end_ms, c.invite_ms)
  c.ms, c.billed, c.amount, c.answer_ms, c.ring_ms = 0, 0, 0, 0, 0
  if answer_ms then
    c.answer_ms = math.min(math.max(answer_ms, c.invite_ms), c.end_ms)
    c.ms = c.end_ms - c.answer_ms
    c.billed = rating.billed(c.ms, c.increment, c.minimum)
    if c.cut == '1' and c.rate > 0 then c.billed = math.min(c.billed, c.paid_s) end
    if c.cut == '1' and c.mou_s then c.billed = math.min(c.billed, c.mou_s) end
    c.amount = rating.amount(c.rate, c.billed)
  end
  if c.pdd_ms > 0 then c.ring_ms = math.min(c.invite_ms + c.pdd_ms, answer_ms and c.answer_ms or c.end_ms) end
end

local function charge(account, c)
  hold.add(account, -c.held)
  if c.mou_s then minutes.add(account, c.tg, -c.mou_s) end
  if c.amount == 0 then return end
  ledger.book(account, -c.amount, 'Call Charges', 'call:' .. c.call, c.number)
  local tax = rating.tax(c.amount, c.tax_bp)
  if tax > 0 then ledger.book(account, -tax, 'USF Tax Deduction', 'tax:' .. c.call, c.number) end
end

-- Closes a live call whose record has been completed: slot, hold, debit, statistics, CDR.
function ending.close(account, c, now)
  local busy = live.busy(account, c)
  if clock.day(c.invite_ms) ~= clock.day(c.end_ms) then stats.raise(account, c, c.end_ms, busy) end
  live.remove(account, c, busy)
  charge(account, c)
  stats.add(account, c)
  if now - c.invite_ms < ONCE_MS then ending.remember(account, c.call, ending.CODE, 'ended', '') end
  cdr.append(account, c)
  news.ending(account, c)
end
