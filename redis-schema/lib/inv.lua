#!lua name=trunkline_inv
--@use door check clock key reply bitmap

local MANY = 100000
local LIFE_MAX_MS = 366 * 86400000

-- NPANXX and line of a number.
local function split(number)
  return string.sub(number, 1, 6), tonumber(string.sub(number, 7))
end

-- Rate centre and city of a block's value.
local function place_parts(value)
  return string.match(value, '^([^|]*)|(.*)$')
end

local function place_name(text, what)
  return string.upper(check.match(text, '^[^|%c]*$', what))
end

-- Adds a block to, or removes it from, the indexes of blocks with a free number.
local function index_block(inv, block, place, command)
  local ratecenter, city = place_parts(place)
  local names = { key.available(inv), key.ratecenter(inv, ratecenter) }
  if city ~= '' then names[3] = key.city(inv, city) end
  for _, name in ipairs(names) do
    if command == 'ZADD' then
      redis.call('ZADD', name, block, block)
    else
      redis.call('ZREM', name, block)
    end
  end
end

-- Settles the counts of blocks: `moved` is block → change of its free numbers.
local function settle(inv, moved)
  for block, change in pairs(moved) do
    local free = redis.call('HINCRBY', key.free_count(inv), block, change)
    local was = free - change
    if (free > 0) ~= (was > 0) then
      index_block(inv, block, redis.call('HGET', key.blocks(inv), block), free > 0 and 'ZADD' or 'ZREM')
    end
  end
end

-- Sets the free bit of numbers and settles the counts.
local function set_free(inv, numbers, bit)
  local moved = {}
  for _, number in ipairs(numbers) do
    local block, line = split(number)
    local was = redis.call('SETBIT', key.free(inv, block), line, bit)
    moved[block] = (moved[block] or 0) + bit - was
  end
  settle(inv, moved)
end

-- args[from…] as distinct numbers.
local function distinct(args, from)
  local list, seen = {}, {}
  for i = from, #args do
    local number = check.number(args[i])
    if not seen[number] then
      seen[number] = true
      list[#list + 1] = number
    end
  end
  return list
end

local function forget_hold(inv, number)
  redis.call('HDEL', key.holder(inv), number)
  redis.call('ZREM', key.holds(inv), number)
end

-- Names the block's place; moves it between indexes when the place is another.
local function set_place(inv, block, place)
  local was = redis.call('HGET', key.blocks(inv), block)
  if was == place then return end
  local available = was and redis.call('ZSCORE', key.available(inv), block)
  if available then index_block(inv, block, was, 'ZREM') end
  redis.call('HSET', key.blocks(inv), block, place)
  if available then index_block(inv, block, place, 'ZADD') end
end

-- Up to so many lines it is quicker to set single bits than to load and store the bitmaps.
local FEW = 32

-- Both mark lines that were unknown as known and free, and return how many.
local function mark_few(known, free, lines)
  local added = 0
  for line in string.gmatch(lines, '....') do
    if redis.call('SETBIT', known, tonumber(line), 1) == 0 then
      redis.call('SETBIT', free, tonumber(line), 1)
      added = added + 1
    end
  end
  return added
end

local function mark_many(known, free, lines)
  local known_bits, free_bits, added = bitmap.load(known), bitmap.load(free), 0
  for line in string.gmatch(lines, '....') do
    if bitmap.set(known_bits, tonumber(line)) then
      bitmap.set(free_bits, tonumber(line))
      added = added + 1
    end
  end
  if added > 0 then
    bitmap.store(known, known_bits)
    bitmap.store(free, free_bits)
  end
  return added
end

-- Imports lines of a block; those imported before keep their state.
-- KEYS: inv:{ST}
-- ARGV: NPANXX, rate centre, city, 4-digit lines in one text
-- Reply: ok, added, known before
local function inv_import(inv, args)
  local block = check.match(args[1], '^[1-9]%d%d%d%d%d$', 'NPANXX')
  local place = place_name(args[2], 'ratecenter') .. '|' .. place_name(args[3], 'city')
  local lines = args[4]
  if #lines % 4 ~= 0 or string.find(lines, '%D') then door.misuse('lines are groups of four digits') end
  local mark = #lines <= FEW * 4 and mark_few or mark_many
  local added = mark(key.known(inv, block), key.free(inv, block), lines)
  set_place(inv, block, place)
  if added > 0 then settle(inv, { [block] = added }) end
  return { 'ok', reply.int(added), reply.int(#lines / 4 - added) }
end

-- Forgets a block that nothing is left of.
local function drop_empty(inv, block)
  if redis.call('BITCOUNT', key.known(inv, block)) > 0 then return end
  redis.call('DEL', key.known(inv, block), key.free(inv, block))
  redis.call('HDEL', key.free_count(inv), block)
  redis.call('HDEL', key.blocks(inv), block)
end

-- Takes free numbers out of the inventory, as if they had never been imported. Others stay as they are.
-- KEYS: inv:{ST}
-- ARGV: numbers…
-- Reply: ok, withdrawn
local function inv_withdraw(inv, args)
  local free, touched = {}, {}
  for _, number in ipairs(distinct(args, 1)) do
    local block, line = split(number)
    if redis.call('GETBIT', key.free(inv, block), line) == 1 then
      redis.call('SETBIT', key.known(inv, block), line, 0)
      free[#free + 1], touched[block] = number, true
    end
  end
  set_free(inv, free, 0)
  for block in pairs(touched) do drop_empty(inv, block) end
  return { 'ok', reply.int(#free) }
end

-- KEYS: inv:{ST}
-- ARGV: number
-- Reply: ok, stock (free, held, resting, or taken: sold, or in service), owner of a hold, ms when hold or rest end (0:
-- they don't), rate centre, city
-- Refusals: unknown (not of this inventory)
local function inv_number(inv, args)
  local number = check.number(args[1])
  local block, line = split(number)
  if redis.call('GETBIT', key.known(inv, block), line) == 0 then return { 'unknown' } end
  local ratecenter, city = place_parts(redis.call('HGET', key.blocks(inv), block))
  local owner = redis.call('HGET', key.holder(inv), number)
  local held, rest = redis.call('ZSCORE', key.holds(inv), number), redis.call('ZSCORE', key.rest(inv), number)
  local stock = redis.call('GETBIT', key.free(inv, block), line) == 1 and 'free' or owner and 'held'
    or rest and 'resting' or 'taken'
  return { 'ok', stock, owner or '', reply.int(tonumber(held or rest or 0)), ratecenter, city }
end

-- KEYS: inv:{ST}
-- Reply: ok, blocks with a free number
local function inv_count(inv)
  return { 'ok', reply.int(redis.call('ZCARD', key.available(inv))) }
end

-- KEYS: inv:{ST}
-- Reply: ok, NPANXX of every block ever imported
local function inv_imported(inv)
  return reply.append({ 'ok' }, redis.call('HKEYS', key.blocks(inv)))
end

-- Blocks with a free number that fit, ascending.
local function blocks_that_fit(inv, npanxx, ratecenter, city)
  local name = key.available(inv)
  if ratecenter ~= '' then
    name = key.ratecenter(inv, ratecenter)
  elseif city ~= '' then
    name = key.city(inv, city)
  end
  if npanxx ~= '' then
    local score = redis.call('ZSCORE', name, npanxx)
    return score and { npanxx } or {}
  end
  return redis.call('ZRANGE', name, 0, -1)
end

-- Calls visit(block, ratecenter, city, free) for each block that fits.
local function each_block(inv, npanxx, ratecenter, city, visit)
  ratecenter, city = place_name(ratecenter, 'ratecenter'), place_name(city, 'city')
  for _, block in ipairs(blocks_that_fit(inv, npanxx, ratecenter, city)) do
    local its_ratecenter, its_city = place_parts(redis.call('HGET', key.blocks(inv), block))
    if city == '' or city == its_city then
      visit(block, its_ratecenter, its_city, redis.call('HGET', key.free_count(inv), block))
    end
  end
end

local BLOCK = { 'npanxx', 'ratecenter', 'city', 'free' }

-- KEYS: inv:{ST}
-- ARGV: ratecenter, city (both optional)
-- Reply: ok, table: npanxx, ratecenter, city, free, ascending
local function inv_blocks(inv, args)
  local out = reply.columns(BLOCK)
  each_block(inv, '', args[1] or '', args[2] or '', function(...)
    reply.row(out, { ... }, #BLOCK)
  end)
  return out
end

-- KEYS: inv:{ST}
-- ARGV: NPANXX, line, ratecenter, city (all optional), offset, limit
-- Reply: ok, total found, then for each block ascending: npanxx, ratecenter, city, 4-digit lines in one text
local function inv_search(inv, args)
  local npanxx, line = args[1], args[2]
  if npanxx ~= '' then check.match(npanxx, '^%d%d%d%d%d%d$', 'NPANXX') end
  if line ~= '' then check.match(npanxx .. line, '^' .. string.rep('%d', 10) .. '$', 'line') end
  local skip = check.int(args[5], 0, 1000000000, 'offset')
  local most = check.int(args[6], 1, MANY, 'limit')
  local out, total = { 'ok', '0' }, 0
  each_block(inv, npanxx, args[3], args[4], function(block, ratecenter, city, free)
    free = tonumber(free)
    local lines
    if line ~= '' then
      free = redis.call('GETBIT', key.free(inv, block), tonumber(line))
      lines = free == 1 and skip == 0 and { line } or {}
    elseif skip >= free or most == 0 then
      skip = math.max(skip - free, 0)
    else
      lines = bitmap.lines(key.free(inv, block), skip, most)
      skip, most = 0, most - #lines
    end
    total = total + free
    if lines and #lines > 0 then
      reply.row(out, { block, ratecenter, city, table.concat(lines) }, 4)
    end
  end)
  out[2] = reply.int(total)
  return out
end

-- Holds numbers, all or none; a number held by the same owner is held again.
-- KEYS: inv:{ST}
-- ARGV: owner, ms, numbers…
-- Reply: ok, expires ms
-- Refusals: taken, number
local function inv_hold(inv, args)
  local owner = check.match(args[1], check.WORD, 'owner')
  local ms = check.int(args[2], 1, LIFE_MAX_MS, 'ms')
  local numbers, fresh, renewed = distinct(args, 3), {}, {}
  for _, number in ipairs(numbers) do
    local block, line = split(number)
    if redis.call('GETBIT', key.free(inv, block), line) == 1 then
      fresh[#fresh + 1] = number
    elseif redis.call('HGET', key.holder(inv), number) ~= owner then
      return { 'taken', number }
    elseif redis.call('ZSCORE', key.holds(inv), number) then
      renewed[#renewed + 1] = number
    end
  end
  local expires = clock.now() + ms
  for _, number in ipairs(fresh) do
    redis.call('HSET', key.holder(inv), number, owner)
    redis.call('ZADD', key.holds(inv), expires, number)
  end
  for _, number in ipairs(renewed) do redis.call('ZADD', key.holds(inv), expires, number) end
  set_free(inv, fresh, 0)
  return { 'ok', reply.int(expires) }
end

-- Holds the first free numbers in ascending order, as many as there are up to a count.
-- KEYS: inv:{ST}
-- ARGV: owner, ms, head (first digits of the number, at most its NPANXX; optional), city (optional), count
-- Reply: ok, expires ms, numbers…
-- Refusals: none
local function inv_take(inv, args)
  local owner = check.match(args[1], check.WORD, 'owner')
  local expires = clock.now() + check.int(args[2], 1, LIFE_MAX_MS, 'ms')
  local head = check.match(args[3], '^%d?%d?%d?%d?%d?%d?$', 'head')
  local most = check.int(args[5], 1, MANY, 'count')
  local numbers = {}
  each_block(inv, #head == 6 and head or '', '', args[4], function(block)
    if #numbers == most or string.sub(block, 1, #head) ~= head then return end
    for _, line in ipairs(bitmap.lines(key.free(inv, block), 0, most - #numbers)) do
      numbers[#numbers + 1] = block .. line
    end
  end)
  if #numbers == 0 then return { 'none' } end
  for _, number in ipairs(numbers) do
    redis.call('HSET', key.holder(inv), number, owner)
    redis.call('ZADD', key.holds(inv), expires, number)
  end
  set_free(inv, numbers, 0)
  return reply.append({ 'ok', reply.int(expires) }, numbers)
end

-- What is known of numbers here.
-- KEYS: inv:{ST}
-- ARGV: numbers…
-- Reply: ok, then for each: `known` if it was ever imported, `block` if others of its block were, else empty;
-- rate centre of the block
local function inv_lookup(inv, args)
  local out = { 'ok' }
  for _, number in ipairs(args) do
    local block, line = split(check.number(number))
    local place = redis.call('HGET', key.blocks(inv), block)
    if place then
      local known = redis.call('GETBIT', key.known(inv, block), line) == 1
      reply.append(out, { known and 'known' or 'block', (place_parts(place)) })
    else
      reply.append(out, { '', '' })
    end
  end
  return out
end

-- Frees what the owner holds; others' numbers are left alone.
-- KEYS: inv:{ST}
-- ARGV: owner, numbers…
-- Reply: ok, count
local function inv_release(inv, args)
  local released = {}
  for _, number in ipairs(distinct(args, 2)) do
    if redis.call('HGET', key.holder(inv), number) == args[1] then
      forget_hold(inv, number)
      released[#released + 1] = number
    end
  end
  set_free(inv, released, 1)
  return { 'ok', reply.int(#released) }
end

-- Moves holds to another owner, all or none; those that the new owner has already count.
-- KEYS: inv:{ST}
-- ARGV: old owner, new owner, ms (0: pinned, the hold does not end), numbers…
-- Reply: ok, expires ms (0: pinned)
-- Refusals: lost, number
local function inv_move(inv, args)
  local old, new = args[1], check.match(args[2], check.WORD, 'new owner')
  local ms = check.int(args[3], 0, LIFE_MAX_MS, 'ms')
  local numbers = distinct(args, 4)
  for _, number in ipairs(numbers) do
    local holder = redis.call('HGET', key.holder(inv), number)
    if holder ~= old and holder ~= new then return { 'lost', number } end
  end
  local expires = ms > 0 and clock.now() + ms or 0
  for _, number in ipairs(numbers) do
    redis.call('HSET', key.holder(inv), number, new)
    if ms > 0 then
      redis.call('ZADD', key.holds(inv), expires, number)
    else
      redis.call('ZREM', key.holds(inv), number)
    end
  end
  return { 'ok', reply.int(expires) }
end

-- Sold numbers are neither free nor held.
-- KEYS: inv:{ST}
-- ARGV: owner, numbers…
-- Reply: ok (also when they were sold before)
local function inv_sell(inv, args)
  for _, number in ipairs(distinct(args, 2)) do
    if redis.call('HGET', key.holder(inv), number) == args[1] then forget_hold(inv, number) end
  end
  return { 'ok' }
end

local function is_sold(inv, number)
  local block, line = split(number)
  return redis.call('GETBIT', key.known(inv, block), line) == 1
    and redis.call('GETBIT', key.free(inv, block), line) == 0
    and redis.call('HEXISTS', key.holder(inv), number) == 0
end

-- Lets cancelled numbers rest before they are free again. Numbers that are free, held, resting or not
-- of this inventory are left alone.
-- KEYS: inv:{ST}
-- ARGV: ms, numbers…
-- Reply: ok
local function inv_quarantine(inv, args)
  local ms = check.int(args[1], 0, LIFE_MAX_MS, 'ms')
  local numbers, ends = distinct(args, 2), clock.now() + ms
  for _, number in ipairs(numbers) do
    if is_sold(inv, number) then redis.call('ZADD', key.rest(inv), 'NX', ends, number) end
  end
  return { 'ok' }
end

-- Frees numbers whose hold or rest has ended.
-- KEYS: inv:{ST}
-- ARGV: most numbers
-- Reply: ok, freed
local function inv_expire(inv, args)
  local most = check.int(args[1], 1, MANY, 'most')
  local now = clock.now()
  local held = redis.call('ZRANGEBYSCORE', key.holds(inv), '-inf', now, 'LIMIT', 0, most)
  local rested = redis.call('ZRANGEBYSCORE', key.rest(inv), '-inf', now, 'LIMIT', 0, most - #held)
  for _, number in ipairs(held) do forget_hold(inv, number) end
  for _, number in ipairs(rested) do redis.call('ZREM', key.rest(inv), number) end
  set_free(inv, held, 1)
  set_free(inv, rested, 1)
  return { 'ok', reply.int(#held + #rested) }
end

door.write({ 'inv_import', key = key.INVENTORY, args = { 4 }, run = inv_import })
door.write({ 'inv_withdraw', key = key.INVENTORY, args = { 1, MANY }, run = inv_withdraw })
door.read({ 'inv_number', key = key.INVENTORY, args = { 1 }, run = inv_number })
door.read({ 'inv_count', key = key.INVENTORY, args = { 0 }, run = inv_count })
door.read({ 'inv_imported', key = key.INVENTORY, args = { 0 }, run = inv_imported })
door.read({ 'inv_blocks', key = key.INVENTORY, args = { 0, 2 }, run = inv_blocks })
door.read({ 'inv_search', key = key.INVENTORY, args = { 6 }, run = inv_search })
door.write({ 'inv_hold', key = key.INVENTORY, args = { 3, MANY }, run = inv_hold })
door.write({ 'inv_take', key = key.INVENTORY, args = { 5 }, run = inv_take })
door.read({ 'inv_lookup', key = key.INVENTORY, args = { 1, MANY }, run = inv_lookup })
door.write({ 'inv_release', key = key.INVENTORY, args = { 2, MANY }, run = inv_release })
door.write({ 'inv_move', key = key.INVENTORY, args = { 4, MANY }, run = inv_move })
door.write({ 'inv_sell', key = key.INVENTORY, args = { 2, MANY }, run = inv_sell })
door.write({ 'inv_quarantine', key = key.INVENTORY, args = { 2, MANY }, run = inv_quarantine })
door.write({ 'inv_expire', key = key.INVENTORY, args = { 1 }, run = inv_expire })
