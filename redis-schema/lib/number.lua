#!lua name=trunkline_number
--@use door check clock key reply number

local A_STATUS = { ['0'] = true, ['1'] = true, ['2'] = true }
local MANY = 100000

-- account, tg, status, rev, cnam of a record; nothing when there is none. cnam is last and may hold a bar.
local function read_did(did)
  return string.match(redis.call('GET', did) or '', '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
end

-- KEYS: did:N
-- Reply: ok, account, tg, status, cnam, rev
-- Refusals: notfound
local function did_route(did)
  local account, tg, status, rev, cnam = read_did(did)
  if not account then return { 'notfound' } end
  return { 'ok', account, tg, status, cnam, rev }
end

-- KEYS: did:N
-- ARGV: account, tg, status, cnam
-- Reply: ok, rev
-- Refusals: taken (another account's)
local function did_assign(did, args)
  local account = check.match(args[1], '^[%w_.%-]+$', 'account')
  check.id(args[2], 'trunk id')
  check.one_of(args[3], A_STATUS, 'status')
  check.a_text(args[4], 'cnam')
  local holder, _, _, was = read_did(did)
  if holder and holder ~= account then return { 'taken' } end
  local rev = reply.int((was or 0) + 1)
  redis.call('SET', did, table.concat({ account, args[2], args[3], rev, args[4] }, '|'))
  return { 'ok', rev }
end

-- KEYS: did:N
-- ARGV: account
-- Reply: ok (also when it is gone)
-- Refusals: taken
local function did_release(did, args)
  local holder = read_did(did)
  if holder and holder ~= args[1] then return { 'taken' } end
  if holder then redis.call('DEL', did) end
  return { 'ok' }
end

-- The numbers to look at: one, or all in order; then their records.
local function records(account, only)
  local numbers = key.numbers(account)
  if only ~= '' then
    local record = redis.call('HGET', numbers, only)
    return record and { only } or {}, { [only] = record }
  end
  local all, names, by_name = redis.call('HGETALL', numbers), {}, {}
  for i = 1, #all, 2 do
    names[#names + 1] = all[i]
    by_name[all[i]] = all[i + 1]
  end
  table.sort(names)
  return names, by_name
end

local function fits(filter, value)
  return filter == '' or filter == value
end

-- KEYS: {a:ACCT}
-- ARGV: category, status, tg, order, number (all optional filters)
-- Reply: ok, table: number, tg, status, order, category, type, order_type, monthly, since, state, cnam
local function number_list(account, args)
  local category, status, tg, order = args[1] or '', args[2] or '', args[3] or '', args[4] or ''
  local names, by_name = records(account, args[5] or '')
  local out, terms = reply.columns(number.COLUMNS), number.terms(account)
  for _, name in ipairs(names) do
    local its_tg, its_status, its_order, state, cnam = number.unpack(by_name[name])
    local its_category = number.category(state)
    if fits(category, its_category) and fits(status, its_status) and fits(tg, its_tg) and fits(order, its_order) then
      local of = terms(its_order)
      reply.row(out, { name, its_tg, its_status, its_order, its_category, of[1], of[2], of[3], of[4], state, cnam },
        #number.COLUMNS)
    end
  end
  return out
end

-- Applies an update to a record; texts that are empty leave it.
local function changed(record, tg, status, cnam)
  local its_tg, its_status, order, state, its_cnam = number.unpack(record)
  if cnam ~= '' then its_cnam = cnam == '-' and '' or cnam end
  return number.pack(tg ~= '' and tg or its_tg, status ~= '' and status or its_status, order, state, its_cnam)
end

-- The new records, nothing written; or a refusal.
local function changed_all(account, args)
  local new = {}
  for i = 4, #args do
    local record = redis.call('HGET', key.numbers(account), check.number(args[i]))
    if not record then return nil, { 'notfound', args[i] } end
    local _, status = number.unpack(record)
    if status == '2' then return nil, { 'cancelled', args[i] } end
    new[i] = changed(record, args[1], args[2], args[3])
  end
  return new
end

-- Changes numbers, all or none. Status 2 is final and enters cancel:N into the sagas.
-- KEYS: {a:ACCT}
-- ARGV: tg, status, cnam (empty: unchanged; cnam `-` clears), numbers…
-- Reply: ok
-- Refusals: trunk (no such origination trunk) · notfound, number · cancelled, number
local function number_update(account, args)
  local tg, status = args[1], args[2]
  if status ~= '' then check.one_of(status, A_STATUS, 'status') end
  check.a_text(args[3], 'cnam')
  if tg ~= '' and redis.call('HGET', key.trunk(account, check.id(tg, 'trunk id')), 'kind') ~= 'in' then
    return { 'trunk' }
  end
  local new, refusal = changed_all(account, args)
  if refusal then return refusal end
  local now = clock.now()
  for i = 4, #args do
    redis.call('HSET', key.numbers(account), args[i], new[i])
    if status == '2' then redis.call('HSET', key.sagas(account), 'cancel:' .. args[i], now) end
  end
  return { 'ok' }
end

-- KEYS: {a:ACCT}
-- Reply: ok, saga…
local function saga_list(account)
  local sagas = redis.call('HKEYS', key.sagas(account))
  table.sort(sagas)
  return reply.append({ 'ok' }, sagas)
end

-- KEYS: {a:ACCT}
-- ARGV: saga
-- Reply: ok (also when it was done before)
local function saga_done(account, args)
  redis.call('HDEL', key.sagas(account), check.match(args[1], '^%l+:%d+$', 'saga'))
  return { 'ok' }
end

door.read({ 'did_route', key = key.DID, args = { 0 }, run = did_route })
door.write({ 'did_assign', key = key.DID, args = { 4 }, run = did_assign })
door.write({ 'did_release', key = key.DID, args = { 1 }, run = did_release })
door.read({ 'number_list', key = key.ACCOUNT, args = { 0, 5 }, run = number_list })
door.write({ 'number_update', key = key.ACCOUNT, args = { 4, MANY }, run = number_update })
door.read({ 'saga_list', key = key.ACCOUNT, args = { 0 }, run = saga_list })
door.write({ 'saga_done', key = key.ACCOUNT, args = { 1 }, run = saga_done })
