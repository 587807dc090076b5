// A call's ladder: a column an endpoint, an arrow a message, the time of each since the first.
import {svg} from "/ops/dom.js";

const ROW = 26, TOP = 34, FIRST = 150, WIDTH = 190;

// What a message is called: its method, or its status.
export function title(message) {
  if (message.label) return message.label;
  const line = message.data.split("\r\n")[0].split("\n")[0];
  const reply = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(line);
  const media = /^m=(\w+ \d+)/m.exec(message.data);
  const name = reply ? `${reply[1]} ${reply[2]}` : line.split(" ")[0];
  return name + (media ? ` (${media[1]})` : "");
}

// Our own side is one column a node, whatever addresses it has.
function ends(message) {
  return [message.dir === "out" ? message.node : message.from, message.dir === "in" ? message.node : message.to];
}

function columns(messages) {
  const names = [];
  for (const name of messages.flatMap(ends)) if (!names.includes(name)) names.push(name);
  return names;
}

function row(message, i, at, x, choose) {
  const [from, to] = ends(message).map(x), y = TOP + 16 + i * ROW, way = Math.sign(to - from) || 1;
  const failed = /^[456]\d\d/.test(title(message));
  const seconds = ((message.at - at) / 1e6).toFixed(3);
  const open = () => choose(message);
  const node = svg("g", {class: "step", role: "button", tabindex: "0", "aria-label": `+${seconds} s ${ends(message).join(" to ")}: ${title(message)}`,
    onclick: open, onkeydown: (e) => ["Enter", " "].includes(e.key) && (e.preventDefault(), open())},
  svg("rect", {x: 0, y: y - 16, width: "100%", height: ROW, class: "hit"}),
  svg("text", {x: 90, y: y + 3, "text-anchor": "end", class: "time"}, `+${seconds}`),
  svg("line", {x1: from, x2: to - way * 6, y1: y + 4, y2: y + 4, class: failed ? "arrow bad" : "arrow"}),
  svg("path", {d: `M${to} ${y + 4}l${-way * 7} -4v8z`, class: failed ? "tip bad" : "tip"}),
  svg("text", {x: (from + to) / 2, y: y - 1, "text-anchor": "middle"}, title(message)));
  return node;
}

// choose(message) is called with the one that was clicked.
export function ladder(messages, choose) {
  const names = columns(messages), x = (name) => FIRST + names.indexOf(name) * WIDTH;
  const width = FIRST + (names.length - 1) * WIDTH + 90, height = TOP + messages.length * ROW + 14;
  return svg("svg", {class: "ladder", viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "The call's messages"},
    ...names.map((name) => svg("line", {class: "pole", x1: x(name), x2: x(name), y1: TOP - 6, y2: height - 6})),
    ...messages.map((m, i) => row(m, i, messages[0].at, x, choose)),
    ...names.map((name) => svg("text", {x: x(name), y: 18, "text-anchor": "middle", class: "name"}, name)));
}
