// Elements and texts. Nothing from the store ever becomes markup: all of it goes through text nodes.

// el("td", {class: "n", "data-alarm": null}, "text", child…): attributes that are null are left out.
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat("en-US");

export function count(n) {
  return n === null || n === undefined ? "–" : whole.format(n);
}

export function tenths(n) {
  return n === null || n === undefined ? "–" : n >= 100 ? whole.format(Math.round(n)) : n.toFixed(1);
}

// Of a thousand, as percent.
export function percent(n) {
  return n === null || n === undefined ? "–" : (n / 10).toFixed(1) + "%";
}

// Milliseconds as m:ss, or h:mm:ss.
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

// Milliseconds as the largest unit that fits.
export function age(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  return s < 120 ? `${s} s` : s < 7200 ? `${Math.floor(s / 60)} min` : s < 172800 ? `${Math.floor(s / 3600)} h`
    : `${Math.floor(s / 86400)} d`;
}

export function bytes(n) {
  return n < 1048576 ? `${Math.round(n / 1024)} KiB` : n < 1073741824 ? `${(n / 1048576).toFixed(1)} MiB`
    : `${(n / 1073741824).toFixed(2)} GiB`;
}

export function clock(ms) {
  return new Date(ms).toISOString().slice(11, 19);
}

export function stamp(ms) {
  return new Date(ms).toISOString().replace("T", " ").slice(0, 19);
}

// A bar of what is used against a limit; without one the number alone.
export function bar(used, limit, shown = count) {
  if (limit === null || limit === undefined) return el("span", {}, shown(used));
  const share = limit > 0 ? used / limit : used > 0 ? 1 : 0;
  const fillBar = el("i");
  fillBar.style.width = `${Math.min(100, share * 100)}%`;
  return el("span", {class: "bar", "data-alarm": alarm(share)}, el("i", {"aria-hidden": "true"}, fillBar),
    el("span", {}, `${shown(used)} / ${count(limit)}`));
}

// Nine tenths of a limit are a warning, all of it is an alarm.
export function alarm(share) {
  return share >= 1 ? "bad" : share >= 0.9 ? "warn" : null;
}

// Fills a table: columns of {name, class, cell(row)}, or one line of text when there is no row.
export function table(node, columns, rows, empty, sort) {
  const head = el("tr", {}, ...columns.map((c) => header(c, sort)));
  const body = rows.length ? rows.map((row) => el("tr", {}, ...columns.map((c) => {
    const value = c.cell(row);
    return el("td", {class: c.class, title: typeof value === "string" && value.length > 18 ? value : null}, value);
  }))) : [el("tr", {}, el("td", {class: "note", colspan: columns.length}, empty))];
  const focused = document.activeElement?.dataset?.sort;
  node.replaceChildren(rows.length ? el("thead", {}, head) : "", el("tbody", {}, ...body));
  if (focused) node.querySelector(`[data-sort="${focused}"]`)?.focus();
}

function header(column, sort) {
  if (!sort || !column.by) return el("th", {class: column.class, scope: "col"}, column.name);
  const order = sort.by === column.by ? (sort.up ? "ascending" : "descending") : null;
  return el("th", {class: column.class, scope: "col", "aria-sort": order},
    el("button", {type: "button", "data-sort": column.by, onclick: () => sort.choose(column.by)}, column.name));
}
