#!lua name=trunkline_inv
--@use door check clock key reply bitmap

local MANY = 100000
local LIFE_MAX_MS = 366 * 86400000

-- NPANXX and line of a number.
local function split(number)
  return string.sub(number, 1, 6), tonumber(string.sub(number, 7))
end

-- Rate centre and city of a place.
local function place_parts(place)
  return string.match(place, '^([^|]*)|(.*)$')
end

-- Free numbers and place of a block's value; 0 and '|' of a block that there isn't.
local function block_parts(value)
  local free, place = string.match(value or '0||', '^(%d+)|(.*)$')
  return tonumber(free), place
end

local function place_name(text, what)
  return string.upper(check.match(text, '^[^|%c]*$', what))
end

-- Adds to or removes from the indexes of blocks with a free number: `places` is block → its place.
local function index_blocks(inv, places, command)
  local lists = {}
  local function add(name, block)
    local list = lists[name] or { name }
    lists[name] = list
    if command == 'ZADD' then list[#list + 1] = block end -- the score
    list[#list + 1] = block
  end
  for block, place in pairs(places) do
    local ratecenter, city = place_parts(place)
    add(key.available(inv), block)
    add(key.ratecenter(inv, ratecenter), block)
    if city ~= '' then add(key.city(inv, city), block) end
  end
  for _, list in pairs(lists) do redis.call(command, unpack(list)) end
end

local AT_ONCE = 1000 -- what unpack takes lies some times over it

local function settle_some(inv, blocks, moved, places)
  local values, set, came, went, sum = redis.call('HMGET', key.blocks(inv), unpack(blocks)), {}, {}, {}, 0
  for i, block in ipairs(blocks) do
    local was, from = block_parts(values[i])
    local now, to = was + moved[block], places and places[block] or from
    local value = now .. '|' .. to
    if value ~= values[i] then set[#set + 1], set[#set + 2] = block, value end
    if was > 0 and (now == 0 or from ~= to) then went[block] = from end
    if now > 0 and (was == 0 or from ~= to) then came[block] = to end
    sum = sum + moved[block]
  end
  if #set > 0 then redis.call('HSET', key.blocks(inv), unpack(set)) end
  if sum ~= 0 and redis.call('INCRBY', key.free_count(inv), sum) == 0 then redis.call('DEL', key.free_count(inv)) end
  index_blocks(inv, went, 'ZREM')
  index_blocks(inv, came, 'ZADD')
end

-- Settles counts and indexes: `moved` is block → change of its free numbers.
local function settle(inv, moved)
  local some = {}
  for block, change in pairs(moved) do
    if change ~= 0 then some[#some + 1] = block end
    if #some == AT_ONCE then
      settle_some(inv, some, moved)
      some = {}
    end
  end
  if #some > 0 then settle_some(inv, some, moved) end
end

-- The bitmap of a block's free lines. As long as no number of it was taken there is none: all known ones are free.
local function free_lines(inv, block)
  local free = key.free(inv, block)
  return redis.call('EXISTS', free) == 1 and free or key.known(inv, block)
end

-- The same, to be changed.
local function own_free_lines(inv, block)
  local free = key.free(inv, block)
  if redis.call('EXISTS', free) == 0 and redis.call('COPY', key.known(inv, block), free) == 0 then
    redis.call('SETBIT', free, 0, 0)
  end
  return free
end

-- `read` remembers the bitmaps of blocks from one number to the next, while nothing is written.
local function is_free(inv, number, read)
  local block, line = split(number)
  read[block] = read[block] or free_lines(inv, block)
  return redis.call('GETBIT', read[block], line) == 1
end

-- Sets the free bit of numbers and settles the counts.
local function set_free(inv, numbers, bit)
  local moved, own = {}, {}
  for _, number in ipairs(numbers) do
    local block, line = split(number)
    own[block] = own[block] or own_free_lines(inv, block)
    local was = redis.call('SETBIT', own[block], line, bit)
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

-- Marks lines that were unknown as known and free; returns how many.
local function mark(inv, block, bits)
  local known, free = key.known(inv, block), key.free(inv, block)
  if bits == '' then return 0 end
  if redis.call('SET', known, bits, 'NX') then return redis.call('BITCOUNT', known) end
  local union, fresh = key.import(inv, 'union'), key.import(inv, 'fresh')
  redis.call('SET', union, bits)
  bitmap.combine('OR', union, union, known)
  bitmap.combine('XOR', fresh, union, known)
  local added = redis.call('BITCOUNT', fresh)
  if added > 0 then
    if redis.call('EXISTS', free) == 1 then bitmap.combine('OR', free, free, fresh) end
    redis.call('RENAME', union, known)
  end
  redis.call('DEL', union, fresh)
  return added
end

-- KEYS: inv:{ST}
-- Reply: ok, blocks with a free number, numbers that are free, held, resting
local function inv_sums(inv)
  return { 'ok', reply.int(redis.call('ZCARD', key.available(inv))),
    redis.call('GET', key.free_count(inv)) or '0',
    reply.int(redis.call('HLEN', key.holder(inv))), reply.int(redis.call('ZCARD', key.rest(inv))) }
end

-- Imports lines of blocks; those imported before keep their state.
-- KEYS: inv:{ST}
-- ARGV: for each block, once: NPANXX, rate centre, city, its lines as a bitmap (as `known`; zero bytes at the end
-- may be left out)
-- Reply: ok, added
local function inv_import(inv, args)
  local blocks, places, moved, added = {}, {}, {}, 0
  if #args % 4 ~= 0 or #args > 4 * AT_ONCE then door.misuse('wrong number of arguments: ' .. #args) end
  for i = 1, #args, 4 do
    local block = check.match(args[i], '^[1-9]%d%d%d%d%d$', 'NPANXX')
    if places[block] then door.misuse('a block is given twice') end
    if #args[i + 3] > bitmap.BYTES then door.misuse('the bitmap is too long') end
    places[block] = place_name(args[i + 1], 'ratecenter') .. '|' .. place_name(args[i + 2], 'city')
    blocks[#blocks + 1] = block
  end
  for i, block in ipairs(blocks) do
    moved[block] = mark(inv, block, args[4 * i])
    added = added + moved[block]
  end
  settle_some(inv, blocks, moved, places)
  return { 'ok', reply.int(added) }
end

-- Forgets a block that nothing is left of.
local function drop_empty(inv, block)
  if redis.call('BITCOUNT', key.known(inv, block)) > 0 then return end
  redis.call('DEL', key.known(inv, block), key.free(inv, block))
  redis.call('HDEL', key.blocks(inv), block)
end

-- Takes free numbers out of the inventory, as if they had never been imported. Others stay as they are.
-- KEYS: inv:{ST}
-- ARGV: numbers…
-- Reply: ok, withdrawn
local function inv_withdraw(inv, args)
  local free, touched, read = {}, {}, {}
  for _, number in ipairs(distinct(args, 1)) do
    if is_free(inv, number, read) then free[#free + 1] = number end
  end
  set_free(inv, free, 0)
  for _, number in ipairs(free) do
    local block, line = split(number)
    redis.call('SETBIT', key.known(inv, block), line, 0)
    touched[block] = true
  end
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
  local _, place = block_parts(redis.call('HGET', key.blocks(inv), block))
  local ratecenter, city = place_parts(place)
  local owner = redis.call('HGET', key.holder(inv), number)
  local held, rest = redis.call('ZSCORE', key.holds(inv), number), redis.call('ZSCORE', key.rest(inv), number)
  local stock = is_free(inv, number, {}) and 'free' or owner and 'held'
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

-- Blocks with a free number lie in three indexes; the one of all or of a narrower place.
local function index_of(inv, ratecenter, city)
  if ratecenter ~= '' then return key.ratecenter(inv, ratecenter) end
  if city ~= '' then return key.city(inv, city) end
  return key.available(inv)
end

local FIRST_BLOCKS = 2 -- looked at: mostly they are enough
local MORE = 8         -- times as many are looked at next

-- Calls visit(block, ratecenter, city, free) for each block that fits, ascending, until it returns true. `head`: first
-- digits of the blocks.
local function each_block(inv, head, ratecenter, city, visit)
  ratecenter, city = place_name(ratecenter, 'ratecenter'), place_name(city, 'city')
  local function visit_one(block, value)
    local free, place = block_parts(value)
    local its_ratecenter, its_city = place_parts(place)
    return free > 0 and (ratecenter == '' or ratecenter == its_ratecenter) and (city == '' or city == its_city)
      and visit(block, its_ratecenter, its_city, free)
  end
  if #head == 6 then
    visit_one(head, redis.call('HGET', key.blocks(inv), head))
    return
  end
  local index, count = index_of(inv, ratecenter, city), FIRST_BLOCKS
  local from, to = head .. string.rep('0', 6 - #head), head .. string.rep('9', 6 - #head)
  repeat
    local blocks = redis.call('ZRANGE', index, from, to, 'BYSCORE', 'LIMIT', 0, count)
    if #blocks == 0 then return end
    local values = redis.call('HMGET', key.blocks(inv), unpack(blocks))
    for i, block in ipairs(blocks) do
      if visit_one(block, values[i]) then return end
    end
    local last = #blocks < count
    from, count = '(' .. blocks[#blocks], math.min(MORE * count, AT_ONCE)
  until last
end

local BLOCK = { 'npanxx', 'ratecenter', 'city', 'free' }

-- KEYS: inv:{ST}
-- ARGV: ratecenter, city (both optional)
-- Reply: ok, table: npanxx, ratecenter, city, free, ascending
local function inv_blocks(inv, args)
  local out = reply.columns(BLOCK)
  each_block(inv, '', args[1] or '', args[2] or '', function(block, ratecenter, city, free)
    reply.row(out, { block, ratecenter, city, reply.int(free) }, #BLOCK)
  end)
  return out
end

-- KEYS: inv:{ST}
-- ARGV: NPANXX, line, ratecenter, city (all optional), offset, limit, `uncounted` (optional: the total is not wanted,
-- and need not be right)
-- Reply: ok, total found, then for each block ascending: npanxx, ratecenter, city, 4-digit lines in one text
local function inv_search(inv, args)
  local npanxx, line = args[1], args[2]
  if npanxx ~= '' then check.match(npanxx, '^%d%d%d%d%d%d$', 'NPANXX') end
  if line ~= '' then check.match(npanxx .. line, '^' .. string.rep('%d', 10) .. '$', 'line') end
  local skip = check.int(args[5], 0, 1000000000, 'offset')
  local most = check.int(args[6], 1, MANY, 'limit')
  local uncounted = check.one_of(args[7] or '', { [''] = true, uncounted = true }, 'uncounted') ~= ''
  local out, total = { 'ok', '0' }, 0
  local sum = npanxx .. args[3] .. args[4] == '' and (redis.call('GET', key.free_count(inv)) or '0')
  each_block(inv, npanxx, args[3], args[4], function(block, ratecenter, city, free)
    local lines
    if line ~= '' then
      free = redis.call('GETBIT', free_lines(inv, block), tonumber(line))
      lines = free == 1 and skip == 0 and { line } or {}
    elseif skip >= free or most == 0 then
      skip = math.max(skip - free, 0)
    else
      lines = bitmap.lines(free_lines(inv, block), skip, most)
      skip, most = 0, most - #lines
    end
    total = total + free
    if lines and #lines > 0 then
      reply.row(out, { block, ratecenter, city, table.concat(lines) }, 4)
    end
    return (uncounted or sum) and most == 0
  end)
  out[2] = sum or reply.int(total)
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
  local numbers, fresh, renewed, read = distinct(args, 3), {}, {}, {}
  for _, number in ipairs(numbers) do
    if is_free(inv, number, read) then
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
  each_block(inv, head, '', args[4], function(block)
    for _, line in ipairs(bitmap.lines(free_lines(inv, block), 0, most - #numbers)) do
      numbers[#numbers + 1] = block .. line
    end
    return #numbers == most
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
-- rate centre and city of the block
local function inv_lookup(inv, args)
  local out = { 'ok' }
  for _, number in ipairs(args) do
    local block, line = split(check.number(number))
    local value = redis.call('HGET', key.blocks(inv), block)
    if value then
      local _, place = block_parts(value)
      local known = redis.call('GETBIT', key.known(inv, block), line) == 1
      reply.append(out, { known and 'known' or 'block', place_parts(place) })
    else
      reply.append(out, { '', '', '' })
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
    and not is_free(inv, number, {})
    and redis.call('HEXISTS', key.holder(inv), number) == 0
end

-- Numbers that come into service from elsewhere: no import offers them, nor does their rest. Free ones are taken.
-- KEYS: inv:{ST}
-- ARGV: numbers…
-- Reply: ok (also when they were kept before)
-- Refusals: held, number (nothing is changed)
local function inv_keep(inv, args)
  local numbers, free = distinct(args, 1), {}
  for _, number in ipairs(numbers) do
    if redis.call('HEXISTS', key.holder(inv), number) == 1 then return { 'held', number } end
  end
  for _, number in ipairs(numbers) do
    local block, line = split(number)
    local lines = own_free_lines(inv, block) -- before the number is known, or it would be free
    redis.call('SETBIT', key.known(inv, block), line, 1)
    redis.call('ZREM', key.rest(inv), number)
    if redis.call('GETBIT', lines, line) == 1 then free[#free + 1] = number end
  end
  set_free(inv, free, 0)
  return { 'ok' }
end

-- Numbers that go back to where they came from: as if they had never been here.
-- KEYS: inv:{ST}
-- ARGV: numbers…
-- Reply: ok (free, held and resting ones stay as they are)
local function inv_forget(inv, args)
  for _, number in ipairs(distinct(args, 1)) do
    local block, line = split(number)
    if is_sold(inv, number) and not redis.call('ZSCORE', key.rest(inv), number) then
      redis.call('SETBIT', key.known(inv, block), line, 0)
      drop_empty(inv, block)
    end
  end
  return { 'ok' }
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

door.write({ 'inv_import', key = key.INVENTORY, args = { 4, MANY }, run = inv_import })
door.write({ 'inv_keep', key = key.INVENTORY, args = { 1, MANY }, run = inv_keep })
door.write({ 'inv_forget', key = key.INVENTORY, args = { 1, MANY }, run = inv_forget })
door.write({ 'inv_withdraw', key = key.INVENTORY, args = { 1, MANY }, run = inv_withdraw })
door.read({ 'inv_sums', key = key.INVENTORY, args = { 0 }, run = inv_sums })
door.read({ 'inv_number', key = key.INVENTORY, args = { 1 }, run = inv_number })
door.read({ 'inv_count', key = key.INVENTORY, args = { 0 }, run = inv_count })
door.read({ 'inv_imported', key = key.INVENTORY, args = { 0 }, run = inv_imported })
door.read({ 'inv_blocks', key = key.INVENTORY, args = { 0, 2 }, run = inv_blocks })
door.read({ 'inv_search', key = key.INVENTORY, args = { 6, 7 }, run = inv_search })
door.write({ 'inv_hold', key = key.INVENTORY, args = { 3, MANY }, run = inv_hold })
door.write({ 'inv_take', key = key.INVENTORY, args = { 5 }, run = inv_take })
door.read({ 'inv_lookup', key = key.INVENTORY, args = { 1, MANY }, run = inv_lookup })
door.write({ 'inv_release', key = key.INVENTORY, args = { 2, MANY }, run = inv_release })
door.write({ 'inv_move', key = key.INVENTORY, args = { 4, MANY }, run = inv_move })
door.write({ 'inv_sell', key = key.INVENTORY, args = { 2, MANY }, run = inv_sell })
door.write({ 'inv_quarantine', key = key.INVENTORY, args = { 2, MANY }, run = inv_quarantine })
door.write({ 'inv_expire', key = key.INVENTORY, args = { 1 }, run = inv_expire })
