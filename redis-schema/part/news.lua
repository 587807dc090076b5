--@use key reply
-- Events for whoever listens: published in the step that makes the change, once. A message is a JSON object on one
-- line; KEYS.md names its fields. Each is one concatenation without parts of its own: every call pays for it.
local news = {}

local PLAIN = '^[#-Z^-~]*$' -- nearly all texts of SIP

local function escape(byte)
  return string.format('\\u%04x', string.byte(byte))
end

-- What stands between the quotes; bytes that need not be UTF-8 become escapes.
local function safe(text)
  if string.find(text, PLAIN) then return text end
  return (string.gsub(string.sub(cjson.encode(text), 2, -2), '[\128-\255]', escape))
end

-- The latest account's key and number: the same account has one event after another.
local seen_key, seen_id = '', ''

local function id_of(account)
  if account ~= seen_key then seen_key, seen_id = account, key.account_of(account) end
  return seen_id
end

local int = reply.int

function news.start(account, c)
  redis.call('PUBLISH', key.CHANNEL_CALLS, '{"event":"start","at":' .. int(c.now) .. ',"account":"' .. id_of(account)
    .. '","call":"' .. c.call .. '","direction":"' .. c.direction .. '","tg":"' .. c.tg .. '","number":"' .. c.number
    .. '","from":"' .. safe(c.from) .. '","callid":"' .. safe(c.callid) .. '"}')
end

function news.refusal(account, c)
  redis.call('PUBLISH', key.CHANNEL_CALLS, '{"event":"refusal","at":' .. int(c.now) .. ',"account":"' .. id_of(account)
    .. '","call":"' .. c.call .. '","direction":"' .. c.direction .. '","tg":"' .. c.tg .. '","number":"' .. c.number
    .. '","from":"' .. safe(c.from) .. '","callid":"' .. safe(c.callid) .. '","code":' .. c.code .. ',"reason":"'
    .. c.reason .. '","ms":0,"amount":0}')
end

function news.answer(account, c)
  redis.call('PUBLISH', key.CHANNEL_CALLS, '{"event":"answer","at":' .. int(c.answer_ms) .. ',"account":"'
    .. id_of(account) .. '","call":"' .. c.call .. '","direction":"' .. c.direction .. '","tg":"' .. c.tg
    .. '","number":"' .. c.number .. '","target":"' .. safe(c.target) .. '","pdd_ms":' .. int(c.pdd_ms) .. '}')
end

-- After cdr.append, which made texts of the numbers.
function news.ending(account, c)
  redis.call('PUBLISH', key.CHANNEL_CALLS, '{"event":"end","at":' .. c.end_ms .. ',"account":"' .. id_of(account)
    .. '","call":"' .. c.call .. '","direction":"' .. c.direction .. '","tg":"' .. c.tg .. '","number":"' .. c.number
    .. '","code":' .. c.code .. ',"reason":"' .. safe(c.reason) .. '","by":"' .. safe(c.by) .. '","ms":' .. c.ms
    .. ',"billed":' .. c.billed .. ',"amount":' .. c.amount .. '}')
end

-- `what`: names of the fields that changed.
function news.trunk(account, word, at, tg, kind, what)
  redis.call('PUBLISH', key.CHANNEL_TRUNKS, '{"event":"' .. word .. '","at":' .. int(at) .. ',"account":"'
    .. id_of(account) .. '","tg":"' .. tg .. '","kind":"' .. kind .. '","what":"' .. table.concat(what, ',') .. '"}')
end

-- `target`: PROTOCOL ADDRESS:PORT.
function news.health(node, at, target, state, why)
  redis.call('PUBLISH', key.CHANNEL_HEALTH, '{"event":"health","at":' .. int(at) .. ',"node":"' .. node .. '","target":"'
    .. target .. '","state":"' .. state .. '","why":"' .. why .. '"}')
end
