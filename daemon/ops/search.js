// Finding calls, and what one of them looked like on the wire.
import {byId, count, duration, el, stamp, table} from "/ops/dom.js";
import {ladder} from "/ops/ladder.js";

const dialog = byId("found");

async function ask(path, params) {
  const reply = await fetch(`${path}?${new URLSearchParams(params)}`);
  if (reply.status === 401) location.assign("/ops/login");
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.detail || answer.error);
  return answer;
}

function note(text) {
  byId("found-note").textContent = text;
}

const uri = (text) => text.replace(/^.*?sips?:/, "").replace(/[;>].*$/, "");

const COLUMNS = [
  {name: "Invite (UTC)", cell: (c) => el("button", {type: "button", class: "link", onclick: () => show(c)}, stamp(Number(c.invite_ms)))},
  {name: "Trunk", cell: (c) => `${c.account}/${c.tg || "–"}`},
  {name: "", cell: (c) => c.direction},
  {name: "Number", cell: (c) => c.number},
  {name: "From", cell: (c) => uri(c.from)},
  {name: "Answered", class: "n", cell: (c) => c.live ? (Number(c.answer_ms) ? "up" : "ringing") : Number(c.answer_ms) ? duration(Number(c.ms)) : "–"},
  {name: "End", cell: (c) => c.live ? el("span", {class: "mark"}, "live") : `${c.code} ${c.reason}`},
];

async function find(text) {
  byId("results").hidden = false;
  byId("call").hidden = true;
  byId("h-found").textContent = `Calls: ${text}`;
  note("looking…");
  byId("calls").replaceChildren();
  if (!dialog.open) dialog.showModal();
  try {
    const answer = await ask("/ops/calls", {q: text});
    const calls = answer.calls.sort((a, b) => Number(b.invite_ms) - Number(a.invite_ms));
    table(byId("calls"), COLUMNS, calls, "Nothing found among live calls and recent records.");
    note(`${count(calls.length)} found${answer.complete ? "" : ", and there may be more: name an account or more of the number"}`);
    byId("calls").querySelector("button")?.focus();
  } catch (error) {
    note(error.message);
  }
}

function facts(c) {
  const money = (Number(c.amount || 0) / 10000).toFixed(4), rows = [
    ["Call", c.call], ["Call-ID", c.callid], ["Trunk", `${c.account}/${c.tg} ${c.direction}`], ["Number", c.number], ["From", c.from], ["To", c.to],
    ["Source", `${c.source} ${c.upstream}`], ["Target", c.target], ["Attempts", c.attempts], ["Node", c.node], ["Post-dial delay", c.pdd_ms ? `${c.pdd_ms} ms` : ""],
    ["Answered", Number(c.answer_ms) ? `${stamp(Number(c.answer_ms))} for ${c.live ? "as long as now" : duration(Number(c.ms))}` : "no"],
    ["Billed", c.live ? "" : `${c.billed} s, ${money} $`], ["End", c.live ? "live" : `${c.code} ${c.reason}, by ${c.by}${c.estimated === "1" ? ", estimated" : ""}`]];
  return rows.filter(([, value]) => value?.trim()).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
}

// Without messages, what the record tells of the call's course.
function course(c) {
  const at = (ms) => Number(ms) * 1000, us = "sipmod", rows = [];
  const step = (ms, from, to, label, data) => Number(ms) && rows.push({at: at(ms), from, to, label, data});
  step(c.invite_ms, c.source, us, "INVITE", `From: ${c.from}\nTo: ${c.to}\nCall-ID: ${c.callid}`);
  for (const attempt of (c.attempts || "").split(" ").filter(Boolean)) {
    const [place, code] = attempt.split("=");
    rows.push({at: at(c.invite_ms), from: us, to: place, label: "INVITE", data: `an attempt: ${attempt}`});
    if (code) rows.push({at: at(Number(c.ring_ms) || Number(c.answer_ms) || c.end_ms || c.invite_ms), from: place, to: us, label: code, data: attempt});
  }
  step(c.ring_ms, us, c.source, "ringing", "");
  step(c.answer_ms, us, c.source, "200 answered", `post-dial delay ${c.pdd_ms} ms`);
  step(c.end_ms, c.by === "callee" ? c.target || us : c.source, us, `end: ${c.code} ${c.reason}`, `by ${c.by}`);
  return rows.sort((a, b) => a.at - b.at);
}

async function show(c) {
  byId("results").hidden = true;
  byId("call").hidden = false;
  byId("message").hidden = true;
  byId("h-found").textContent = `Call ${c.call}`;
  byId("facts").replaceChildren(...facts(c));
  byId("ladder").replaceChildren(el("p", {class: "note"}, "Asking for its messages…"));
  note("");
  byId("back").focus();
  try {
    const answer = await ask("/ops/call", {account: c.account, id: c.call});
    const {messages} = answer;
    byId("facts").replaceChildren(...facts(answer.call));
    byId("ladder").replaceChildren(ladder(messages.length ? messages : course(answer.call), read));
    note(messages.length ? `${count(messages.length)} messages` : "no messages are kept of it: its record alone");
  } catch (error) {
    byId("ladder").replaceChildren();
    note(error.message);
  }
}

function read(message) {
  const node = byId("message");
  node.hidden = false;
  node.textContent = message.data || "No text.";
  node.scrollIntoView({block: "nearest"});
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("query").value.trim();
  if (text) find(text);
});
byId("close").addEventListener("click", () => dialog.close());
byId("back").addEventListener("click", () => {
  byId("results").hidden = false;
  byId("call").hidden = true;
  byId("h-found").textContent = "Calls";
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || dialog.open || event.target.matches("input, textarea")) return;
  event.preventDefault();
  byId("query").focus();
});
