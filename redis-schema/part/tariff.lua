-- What a minute of a call costs an account.
local tariff = {}

-- Prices an incoming call by its trunk's billing and its number's category.
function tariff.incoming(c, owner, metered)
  if metered then
    c.rate = c.category == 'tollfree' and owner.tfn_rate or owner.in_rate
  end
  c.increment, c.minimum = owner.increment, owner.minimum
end

-- An account with a price of its own for numbers of ours pays that, not its deck's.
function tariff.onnet(c, owner)
  if not owner.onnet_rate then return end
  c.rate, c.increment, c.minimum = owner.onnet_rate, owner.increment, owner.minimum
end
