-- Key names: built here and nowhere else in Lua. KEYS.md says what each holds.
local key = {}

-- Patterns of the keys that callers give.
key.ACCOUNT = '^{a:[%w_.%-]+}$'
key.INVENTORY = '^inv:{%a%a}$'
key.DID = '^did:%d%d%d%d%d%d%d%d%d%d$'
key.PORT = '^port:%d%d%d%d%d%d%d%d%d%d$'
key.COVERAGE = '^lnp:coverage$'
key.SOURCE = '^ip:[%x.:]+$'
key.GATEWAY = '^gw:{[%w_.%-]+}$'
key.DECK = '^lcr:{[%w_.%-]+}$'
key.SEQUENCE = '^seq:[%w_]+$'
key.JOB = '^job:[%w_.%-]+$'
key.NODE = '^node:[%w_.:%-%[%]]+$'
key.NODE_HEALTH = '^node:[%w_.:%-%[%]]+:health$'
key.INDEX = '^%l+$'
key.TRACES = '^traces$'
key.TRACE = '^trace:{[1-9]%d*}$'
key.AUDIT = '^audit:{[%w_.:%-]+}$'
key.OPS = '^{ops}$'

-- Members that an index may hold are named by the index.
key.INDEXES = { accounts = true, sources = true, gateways = true, nodes = true, hooks = true, traces = true }

-- Node of a `node:NODE:health`
function key.node_of(health) return string.sub(health, 6, -8) end

-- Account `{a:ACCT}`
function key.account_of(a) return string.sub(a, 4, -2) end
function key.tokens(a) return a .. ':tokens' end
function key.ledger(a) return a .. ':ledger' end
function key.refs(a) return a .. ':refs' end
function key.trunks(a) return a .. ':tgs' end
function key.trunk(a, tg) return a .. ':tg:' .. tg end
function key.numbers(a) return a .. ':numbers' end
function key.carts(a) return a .. ':carts' end
function key.cart(a, id) return a .. ':cart:' .. id end
function key.cart_numbers(a, id) return a .. ':cart:' .. id .. ':numbers' end
function key.orders(a) return a .. ':orders' end
function key.order(a, id) return a .. ':order:' .. id end
function key.order_numbers(a, id) return a .. ':order:' .. id .. ':numbers' end
function key.ports(a) return a .. ':ports' end
function key.port(a, id) return a .. ':port:' .. id end
function key.port_numbers(a, id) return a .. ':port:' .. id .. ':numbers' end
function key.port_log(a, id) return a .. ':port:' .. id .. ':log' end
function key.port_due(a) return a .. ':portdue' end
function key.payments(a) return a .. ':payments' end
function key.payment(a, id) return a .. ':pay:' .. id end
function key.paying(a) return a .. ':paying' end
function key.paid(a, once) return a .. ':paid:' .. once end
function key.request(a, name) return a .. ':request:' .. name end
function key.sandbox(a) return a .. ':sandbox' end
function key.invoices(a) return a .. ':invoices' end
function key.hooks(a) return a .. ':hooks' end
function key.hook(a, id) return a .. ':hook:' .. id end
function key.hook_queue(hook) return hook .. ':queue' end
function key.hook_dead(hook) return hook .. ':dead' end
function key.sagas(a) return a .. ':sagas' end
function key.live(a) return a .. ':live' end
function key.call(a, call) return a .. ':call:' .. call end
function key.busy(a) return a .. ':busy' end
function key.due(a) return a .. ':due' end
function key.mou(a) return a .. ':mou' end
function key.cps(a, tg) return a .. ':cps:' .. tg end
function key.once(a, call) return a .. ':once:' .. call end
function key.kills(a) return a .. ':kills' end
function key.cdr(a) return a .. ':cdr' end
function key.tap(a) return a .. ':tap' end
function key.tapped(a) return a .. ':tapped' end
function key.count(a) return a .. ':count' end
function key.repairs(a) return a .. ':repairs' end
function key.stats_did(a, number) return a .. ':st:did:' .. number end
function key.stats_tg(a, tg) return a .. ':st:tg:' .. tg end
function key.stats_all(a) return a .. ':st:all' end
function key.period(stats, period) return stats .. ':' .. period end

-- Revision of an account or an inventory
function key.revision(base) return base .. ':rev' end

-- Audit log `audit:{a:ACCT}`, `audit:{all}`
function key.audit_marks(audit) return audit .. ':marks' end
-- Key of the account that an audit log is of; nil: of none.
function key.audited(audit) return string.match(audit, '^audit:({a:[%w_.%-]+})$') end

-- Inventory `inv:{ST}`
function key.free(inv, block) return inv .. ':free:' .. block end
function key.known(inv, block) return inv .. ':known:' .. block end
function key.blocks(inv) return inv .. ':block' end
function key.import(inv, part) return inv .. ':import:' .. part end -- gone when inv_import ends
function key.free_count(inv) return inv .. ':count' end
function key.available(inv) return inv .. ':avail' end
function key.ratecenter(inv, name) return inv .. ':rc:' .. name end
function key.city(inv, name) return inv .. ':city:' .. name end
function key.holder(inv) return inv .. ':holder' end
function key.holds(inv) return inv .. ':holds' end
function key.rest(inv) return inv .. ':rest' end

-- Trace `trace:{ID}`
function key.traced(trace) return string.match(trace, '{(%d+)}') end
function key.trace_packets(trace) return trace .. ':packets' end
function key.trace_calls(trace) return trace .. ':calls' end
function key.trace_nodes(trace) return trace .. ':nodes' end

-- Ops page `{ops}`
function key.operators(ops) return ops .. ':operators' end
function key.sessions(ops) return ops .. ':sessions' end

-- Gateway `gw:{G}`
function key.gateway_calls(gateway) return gateway .. ':calls' end
function key.gateway_cps(gateway) return gateway .. ':cps' end

-- Route deck `lcr:{DECK}`
function key.routes(deck) return deck .. ':route' end
function key.rates(deck) return deck .. ':rate' end

key.CHANNEL_SOURCES = 'tl:sources'
key.CHANNEL_GATEWAYS = 'tl:gateways'
key.CHANNEL_KILL = 'tl:kill'
key.CHANNEL_ACCOUNTS = 'tl:accounts'
key.CHANNEL_CALLS = 'tl:calls'
key.CHANNEL_TRUNKS = 'tl:trunks'
key.CHANNEL_HEALTH = 'tl:health'
key.CHANNEL_TRACE = 'tl:trace'
