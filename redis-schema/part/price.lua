--@use door check reply
-- Prices of orders, of new numbers and of port-ins alike.
local price = {}

-- Names of an account's rates, a category.
local RATES = {
  landline = { monthly = 'did_monthly', setup = 'did_setup' },
  tollfree = { monthly = 'tfn_monthly', setup = 'tfn_setup' },
}

price.CATEGORIES = { landline = true, tollfree = true }

-- A share in 1/10,000 of an amount, half away from zero, exact for any amount.
function price.share(amount, bp)
  return math.floor(amount / 10000) * bp + math.floor(((amount % 10000) * bp + 5000) / 10000)
end

-- Adds amount and its parts to an order with `category` and `count`:
-- numbers × rates + per_order_cost + taxes + other_charges − discount.
function price.order(account, order)
  local names = RATES[order.category]
  local rates = redis.call('HMGET', account, names.monthly, names.setup, 'per_order_cost', 'other_charges',
    'tax_bp', 'discount_bp')
  local cost = order.count * (rates[1] + rates[2])
  local taxes, discount = price.share(cost, tonumber(rates[5])), price.share(cost, tonumber(rates[6]))
  order.monthly, order.per_order_cost, order.other_charges = rates[1], rates[3], rates[4]
  order.taxes, order.discount = reply.int(taxes), reply.int(discount)
  local amount = cost + rates[3] + taxes + rates[4] - discount
  if amount > check.MONEY_MAX then door.misuse('amount out of range') end
  order.amount = reply.int(amount)
end
