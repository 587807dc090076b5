--@use key
-- Booking: balance and ledger line move together.
local ledger = {}

-- What may be spent: the balance less what live calls hold (part hold).
function ledger.available(account)
  local v = redis.call('HMGET', account, 'balance', 'held')
  return tonumber(v[1]) - tonumber(v[2] or 0)
end


-- Adds a signed amount to the balance, whatever is there; returns the balance after and the id of the line.
function ledger.book(account, amount, activity, ref, note)
  amount = amount + 0 -- a negative zero becomes zero
  local balance = redis.call('HINCRBY', account, 'balance', amount)
  local id = redis.call('XADD', key.ledger(account), '*', 'activity', activity, 'amount', amount,
    'balance', balance, 'ref', ref, 'note', note)
  return balance, id
end

-- As ledger.book, remembering the ref, so that ledger.booked tells of it.
function ledger.book_once(account, amount, activity, ref, note)
  local balance, id = ledger.book(account, amount, activity, ref, note)
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
