--@use clock key
-- The door: functions are registered here, with the form of their key and the number of their arguments.
-- A misuse is a programming error: an error reply, before anything is written.
local door = { name = '' }

function door.misuse(text)
  error({ err = 'ERR ' .. door.name .. ': ' .. text })
end

-- All arguments in one, a line feed before each: for clients that can send no empty argument or few free texts.
local function unfold(args)
  if #args ~= 1 or string.byte(args[1]) ~= 10 then return args end
  local out = {}
  for text in string.gmatch(args[1], '\n([^\n]*)') do out[#out + 1] = text end
  return out
end

-- What has a revision: the time of its last change. Who keeps a copy of what a function read can tell by it whether the
-- copy is as good as the original.
local REVISED = { [key.ACCOUNT] = true, [key.INVENTORY] = true }

local function revising(run)
  return function(base, args)
    local out = run(base, args)
    if out[1] == 'ok' then redis.call('SET', key.revision(base), clock.micros()) end
    return out
  end
end

local function register(spec, flags)
  local name, form, run = spec[1], spec.key, spec.run
  if not spec.aside and not flags[1] and REVISED[form] then run = revising(run) end
  local fewest, most = spec.args[1], spec.args[2] or spec.args[1]
  redis.register_function({
    function_name = name,
    flags = flags,
    callback = function(keys, args)
      door.name = name
      if #keys ~= 1 or not string.find(keys[1], form) then
        door.misuse('takes one key of the form ' .. form)
      end
      args = unfold(args)
      if #args < fewest or #args > most then
        door.misuse('wrong number of arguments: ' .. #args)
      end
      return run(keys[1], args)
    end,
  })
end

-- {name, key = pattern, args = {fewest, most}, run = function(key, args) → reply}
function door.read(spec)
  register(spec, { 'no-writes' })
end

-- `aside`: it changes nothing but carts, calls and what else no copy is kept of, so the revision stays.
function door.write(spec)
  register(spec, {})
end
