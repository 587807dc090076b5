-- Rating of a call: rate is money a minute; increment and minimum are seconds.
local rating = {}

-- Billed seconds of an answered call: the minimum, then whole increments.
function rating.billed(ms, increment, minimum)
  local seconds = math.ceil(ms / 1000)
  if seconds <= minimum then return minimum end
  return minimum + math.ceil((seconds - minimum) / increment) * increment
end

-- Rounded up, once a call.
function rating.amount(rate, billed)
  return math.ceil(rate * billed / 60)
end

-- Seconds that a balance pays for, on the grid of minimum and increments; less than the first
-- billable period is 0.
function rating.affordable(balance, rate, increment, minimum)
  local seconds = math.floor(balance * 60 / rate)
  if seconds < minimum then return 0 end
  return minimum + math.floor((seconds - minimum) / increment) * increment
end

-- Tax on an amount; `bp` is 1/10,000. Rounded up, once a call.
function rating.tax(amount, bp)
  return math.ceil(amount * bp / 10000)
end

-- What a call of so many billed seconds takes off the balance.
function rating.cost(call, seconds)
  local amount = rating.amount(call.rate, seconds)
  return amount + rating.tax(amount, call.tax_bp)
end

-- Seconds that `money` pays for, tax included.
function rating.paid(money, call)
  local untaxed = math.floor(money * 10000 / (10000 + call.tax_bp))
  return rating.affordable(untaxed, call.rate, call.increment, call.minimum)
end
