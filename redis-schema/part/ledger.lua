--@use key
-- Booking: balance and ledger line move together. The caller has checked that it may be done.
local ledger = {}

-- Adds a signed amount to the balance; returns the balance after and the id of the line.
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

function ledger.booked(account, ref)
  return redis.call('HEXISTS', key.refs(account), ref) == 1
end
