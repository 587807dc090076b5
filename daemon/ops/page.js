// The live view: one stream of events, of which each tells all.
import {age, alarm, bar, byId, bytes, clock, count, duration, el, percent, table, tenths} from "/ops/dom.js";
import {Chart, spark} from "/ops/chart.js";

const HISTORY = 900, SILENT_MS = 5000, DEAD_NODE_MS = 10000;

// ---- what is shown -----------------------------------------------------------------------

const charts = [
  new Chart("Live calls", [{key: "live", name: "calls", colour: "main"}], {show: (v) => count(v === null ? v : v)}),
  new Chart("Calls a second", [{key: "rate", name: "new", colour: "main"}, {key: "answered", name: "answered", colour: "good"},
    {key: "refused", name: "refused", colour: "second"}], {show: (v, axis) => axis ? String(Number(v.toFixed(1))) : tenths(v)}),
  new Chart("Answer-seizure ratio", [{key: "asr", name: "ASR of a minute", colour: "main"}],
    {top: 1000, show: (v, axis) => axis ? `${Math.round(v / 10)}%` : percent(v)}),
];
byId("charts").append(...charts.map((c) => c.node));

const points = [];

function addPoint(p) {
  if (points.length && p.at <= points.at(-1).at) return;
  points.push(p);
  if (points.length > HISTORY) points.shift();
}

function showHistory(h) {
  points.length = 0;
  h.at.forEach((at, i) => addPoint({at, live: h.live[i], rate: h.rate[i], answered: h.answered[i], refused: h.refused[i],
    asr: h.asr[i]}));
}

function figure(name, value, unit, bad) {
  return el("div", {class: "figure", id: `f-${name.replace(/\W+/g, "-").toLowerCase()}`, "data-alarm": bad ? "bad" : null},
    el("b", {}, value, unit ? el("small", {}, ` ${unit}`) : null), el("span", {}, name));
}

function showFigures(s) {
  const t = s.totals, room = (list, key) => list.reduce((sum, x) => sum + (x[key] ?? 0), 0);
  const sessions = room(s.trunks, "sessions");
  byId("figures").replaceChildren(
    figure("Live calls", count(t.live), sessions ? `of ${count(sessions)}` : ""),
    figure("New calls", tenths(t.rate), "/s"),
    figure("Answered", tenths(t.answered), "/s"),
    figure("Refused or failed", tenths(t.refused), "/s"),
    figure("ASR, last minute", percent(t.asr)),
    figure("Books gap", count(t.gap), t.gap ? "reconcile!" : "", t.gap !== 0),
    figure("Redis trip", s.up ? (s.trip_us / 1000).toFixed(1) : "–", "ms", !s.up));
}

const sort = {by: "busy", up: false, choose(by) {
  sort.up = sort.by === by ? !sort.up : by === "name";
  sort.by = by;
  if (latest) showTrunks(latest);
}};

const SORTS = {name: (t) => `${t.account}/${t.tg.padStart(12, "0")}`, busy: (t) => t.busy, rate: (t) => t.rate, asr: (t) => t.asr ?? -1,
  acd: (t) => t.acd ?? -1, today: (t) => t.today};

const TRUNKS = [
  {name: "Trunk", by: "name", cell: (t) => el("span", {title: t.title}, `${t.account}/${t.tg} `, el("span", {class: "muted"}, t.title))},
  {name: "", class: "late", cell: (t) => el("span", {class: "muted"}, t.direction)},
  {name: "Calls", by: "busy", cell: (t) => bar(t.busy, t.sessions)},
  {name: "New/s", by: "rate", cell: (t) => bar(t.rate, t.cps, tenths)},
  {name: "ASR 15 min", by: "asr", cell: (t) => el("span", {}, spark(t.steps, `ASR of the last 15 minutes: ${percent(t.asr)}`), " ", percent(t.asr))},
  {name: "ACD today", by: "acd", class: "n late", cell: (t) => duration(t.acd)},
  {name: "Calls today", by: "today", class: "n late", cell: (t) => count(t.today)},
];

function showTrunks(s) {
  const key = SORTS[sort.by], sign = sort.up ? 1 : -1;
  const rows = [...s.trunks].sort((a, b) => sign * (key(a) > key(b) ? 1 : key(a) < key(b) ? -1 : 0));
  byId("trunks-note").textContent = s.totals.trunks > rows.length ? `the busiest ${rows.length} of ${count(s.totals.trunks)}`
    : count(rows.length);
  table(byId("trunks"), TRUNKS, rows, "No account has a trunk yet.", sort);
}

const mark = (text, bad) => el("span", {class: "mark", "data-alarm": bad}, text);

function showSide(s) {
  table(byId("causes"), [
    {name: "Code", cell: (c) => String(c.code)},
    {name: "Reason", cell: (c) => c.reason},
    {name: "Calls", class: "n", cell: (c) => count(c.n)}], s.causes ?? [], "None.");
  table(byId("nodes"), [
    {name: "Node", cell: (n) => n.node},
    {name: "Calls", class: "n", cell: (n) => count(n.calls)},
    {name: "Up", class: "n", cell: (n) => age(n.up_ms)},
    {name: "Version", class: "n", cell: (n) => n.version},
    {name: "", class: "n", cell: (n) => n.silent_ms > DEAD_NODE_MS ? mark(`silent ${age(n.silent_ms)}`, "bad") : mark("alive")}],
  s.nodes ?? [], "No sipmod has run in the last 7 days.");
  table(byId("gateways"), [
    {name: "Gateway", cell: (g) => el("span", {title: `${g.host} ${g.port} ${g.transport}`}, g.name)},
    {name: "Calls", cell: (g) => bar(g.busy, g.capacity)},
    {name: "", class: "n", cell: (g) => g.status === "0" ? mark("off") : mark("on")}], s.gateways ?? [], "No gateway is defined.");
  table(byId("webhooks"), [
    {name: "Account", cell: (h) => `${h.account}/${h.hook}`},
    {name: "Waiting", class: "n", cell: (h) => count(h.waiting)},
    {name: "Dead", class: "n", cell: (h) => count(h.dead)},
    {name: "", class: "n", cell: (h) => h.status === "0" ? mark("paused") : h.tries ? mark(`failed ${h.tries}×`, "warn") : mark("fine")}],
  s.webhooks ?? [], "No account has one.");
  showTargets(s.nodes ?? []);
  showRedis(s);
  showJobs(s.jobs ?? []);
}

// Each sipmod knows its next hops by itself; those that are down come first.
function showTargets(nodes) {
  const all = nodes.flatMap((n) => (n.targets ?? []).map((t) => ({...t, node: n.node})));
  const watched = nodes.reduce((sum, n) => sum + (n.watched ?? 0), 0), down = nodes.reduce((sum, n) => sum + (n.down ?? 0), 0);
  byId("targets-note").textContent = watched ? `${count(watched - down)} up, ${count(down)} down` : "";
  const rows = [...all.filter((t) => t.state !== "up"), ...all.filter((t) => t.state === "up")].slice(0, 20);
  table(byId("targets"), [
    {name: "Target", cell: (t) => el("span", {title: t.why}, t.target.replace("UDP ", ""))},
    {name: "Seen by", cell: (t) => t.node},
    {name: "", class: "n", cell: (t) => el("span", {title: t.why}, t.state === "up" ? mark("up") : mark(`down ${age(latest.at - t.since)}`, "bad"))}],
  rows, "No next hop has had calls lately.");
}

function showRedis(s) {
  const r = s.redis;
  if (!r) return byId("redis").replaceChildren(el("dt", {}, "Not known yet."));
  const room = r.maxmemory || r.total_system_memory, rows = [
    ["State", s.up ? (r.loading ? "loading" : "answers") : "silent", !s.up || r.loading ? "bad" : null],
    ["Memory", `${bytes(r.used_memory)}${room ? ` of ${bytes(room)}` : ""}`, room ? alarm(r.used_memory / room) : null],
    ["Commands", `${count(r.instantaneous_ops_per_sec)} /s`],
    ["Clients", count(r.connected_clients)],
    ["Writes to disk", r.aof_enabled ? r.aof_last_write_status : "off", !r.aof_enabled ? "warn" : r.aof_last_write_status === "ok" ? null : "bad"],
    ["Evicted keys", count(r.evicted_keys), r.evicted_keys ? "bad" : null],
    ["Version", `${r.redis_version}, up ${age(r.uptime_in_seconds * 1000)}`]];
  byId("redis").replaceChildren(...rows.flatMap(([name, value, bad]) => [el("dt", {}, name), el("dd", {"data-alarm": bad}, value)]));
}

function showJobs(jobs) {
  const owners = new Set(jobs.map((j) => j.owner).filter(Boolean));
  byId("jobs-note").textContent = jobs.length ? `run by ${owners.size} trunkd` : "";
  byId("jobs").replaceChildren(...jobs.map((j) => el("li", {}, el("span", {class: "mark", "data-alarm": j.owner ? null : "bad",
    title: j.owner ? (j.here ? "runs on this trunkd" : "runs on another trunkd") : "nobody runs it"}, j.job))));
}

// ---- the stream --------------------------------------------------------------------------

let latest = null, heard = 0;

function showState(s) {
  latest = s;
  heard = Date.now();
  const t = s.totals;
  addPoint(s.up ? {at: s.at, live: t.live, rate: t.rate, answered: t.answered, refused: t.refused, asr: t.asr}
    : {at: s.at, live: null, rate: null, answered: null, refused: null, asr: null});
  byId("clock").textContent = `${clock(s.at)} UTC`;
  stream("live", "live");
  trouble(s.up ? "" : `Redis does not answer (${s.trouble}): calls are refused, and these figures are old.`);
  document.title = `${s.up ? count(t.live) : "!"} calls · Trunkline ops`;
  showFigures(s);
  charts.forEach((c) => c.set(points));
  showTrunks(s);
  showSide(s);
  document.body.dataset.ready = "yes";
}

function stream(state, text) {
  const node = byId("stream");
  if (node.dataset.state === state && node.textContent === text) return;
  node.dataset.state = state;
  node.textContent = text;
}

function trouble(text) {
  const node = byId("trouble");
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}

// A stream that the server refuses does not come back by itself: a session that has ended leads to the login.
function listen() {
  const source = new EventSource("/ops/events");
  source.addEventListener("history", (e) => showHistory(JSON.parse(e.data)));
  source.addEventListener("state", (e) => showState(JSON.parse(e.data)));
  source.addEventListener("error", async () => {
    stream("lost", "stream lost, trying again");
    if (source.readyState !== EventSource.CLOSED) return;
    const reply = await fetch("/ops/events", {method: "HEAD"}).catch(() => null);
    if (reply?.status === 401 || reply?.status === 404) location.assign("/ops/login");
    else setTimeout(listen, 2000);
  });
}

setInterval(() => {
  if (heard && Date.now() - heard > SILENT_MS) stream("lost", `no figures for ${age(Date.now() - heard)}`);
}, 1000);

// ---- looks and keys ----------------------------------------------------------------------

const dark = matchMedia("(prefers-color-scheme: dark)");

function setTheme() {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
}

byId("theme").addEventListener("click", () => {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  setTheme();
});
dark.addEventListener("change", setTheme);
setTheme();
listen();
