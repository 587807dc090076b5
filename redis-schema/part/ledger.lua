--@use key event reply
-- Booking: balance and ledger line move together.
local ledger = {}

-- What may be spent: the balance less what live calls hold (part hold).
function ledger.available(account)
  local v = redis.call('HMGET', account, 'balance', 'held')
  return tonumber(v[1]) - tonumber(v[2] or 0)
end

-- A balance that falls below the account's warning mark is an event, once until it has risen again.
local function warn(account, before, balance)
  local low = tonumber(redis.call('HGET', account, 'low_balance') or '')
  if low and before >= low and balance < low then
    event.add(account, 'balance.low', { 'balance', event.money(balance), 'low_balance', event.money(low) })
  end
end

-- Adds a signed amount to the balance, whatever is there; returns the balance after and the id of the line.
function ledger.book(account, amount, activity, ref, note)
  local text = reply.int(amount)
  local balance = redis.call('HINCRBY', account, 'balance', text)
  local id = redis.call('XADD', key.ledger(account), '*', 'activity', activity, 'amount', text,
    'balance', reply.int(balance), 'ref', ref, 'note', note)
  if amount < 0 then warn(account, balance - amount, balance) end
  return balance, id
end

-- As ledger.book, remembering the ref, so that ledger.booked tells of it; also an event, which calls' lines are not.
function ledger.book_once(account, amount, activity, ref, note)
  local balance, id = ledger.book(account, amount, activity, ref, note)
  if amount ~= 0 then
    event.add(account, amount < 0 and 'balance.debited' or 'balance.credited', { 'amount',
      event.money(math.abs(amount)), 'balance', event.money(balance), 'activity', activity, 'referenceno', ref })
  end
  redis.call('HSET', key.refs(account), ref, id)
  return balance
end

-- Takes an amount off what is available, as ledger.book_once; returns the balance after, nil when it isn't enough.
function ledger.pay(account, amount, activity, ref)
  if ledger.available(account) < amount then return nil end
  return ledger.book_once(account, -amount, activity, ref, '')
end

function ledger.booked(account, ref)
  return redis.call('HEXISTS', key.refs(account), ref) == 1
end
