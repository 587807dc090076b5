// Lines over the last quarter of an hour. A value that is null is a gap.
import {clock, el, svg} from "/ops/dom.js";

const SPAN = 900000, LEFT = 40, RIGHT = 8, TOP = 6, BOTTOM = 18;

// A step of 1, 2 or 5 times a power of ten, so that about three of them reach `most`.
function niceStep(most) {
  const rough = most / 3, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= rough);
}

export class Chart {
  // series: [{key, name, colour}]; top: highest value shown, else what is needed; show: value → text.
  constructor(title, series, {top = null, least = 4, show}) {
    Object.assign(this, {title, series, top, least, show, points: [], at: null});
    this.legend = series.map((s) => el("em", {}, el("i", {class: `c-${s.colour}`}), el("span")));
    this.picture = svg("svg", {role: "img", tabindex: "0", "aria-label": title});
    this.node = el("figure", {class: "chart"}, el("h2", {}, title, ...this.legend), this.picture);
    this.node.style.margin = "0";
    this.picture.addEventListener("pointermove", (e) => this.point(e.offsetX));
    this.picture.addEventListener("pointerleave", () => this.leave());
    this.picture.addEventListener("keydown", (e) => this.step(e));
    this.picture.addEventListener("blur", () => this.leave());
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  set(points) {
    this.points = points;
    this.draw();
  }

  point(x) {
    const end = this.points.at(-1)?.at ?? 0, width = this.picture.clientWidth - LEFT - RIGHT;
    const wanted = end - SPAN + (x - LEFT) / width * SPAN;
    this.choose(this.points.reduce((best, p, i) =>
      Math.abs(p.at - wanted) < Math.abs(this.points[best].at - wanted) ? i : best, 0));
  }

  step(event) {
    const by = {ArrowLeft: -5, ArrowRight: 5}[event.key];
    if (!by || !this.points.length) return;
    event.preventDefault();
    const from = this.at === null ? this.points.length - 1 : this.index();
    this.choose(Math.max(0, Math.min(this.points.length - 1, from + by)));
  }

  choose(i) {
    this.at = this.points[i]?.at ?? null;
    this.draw();
  }

  index() {
    return this.points.findIndex((p) => p.at === this.at);
  }

  leave() {
    this.at = null;
    this.draw();
  }

  draw() {
    const width = this.picture.clientWidth, height = this.picture.clientHeight || 130;
    if (!width) return;
    const end = this.points.at(-1)?.at ?? Date.now();
    const most = Math.max(this.least, ...this.points.flatMap((p) => this.series.map((s) => p[s.key] ?? 0)));
    const step = niceStep(this.top ?? most), top = this.top ?? Math.ceil(most / step) * step;
    const x = (at) => LEFT + (1 - (end - at) / SPAN) * (width - LEFT - RIGHT);
    const y = (v) => TOP + (1 - v / top) * (height - TOP - BOTTOM);
    const parts = [];
    for (let v = 0; v <= top + step / 100; v += step) {
      parts.push(svg("line", {class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(v), y2: y(v)}),
        svg("text", {x: LEFT - 6, y: y(v) + 3.5, "text-anchor": "end"}, this.show(v, true)));
    }
    for (const minutes of [15, 10, 5, 0]) {
      parts.push(svg("text", {x: x(end - minutes * 60000), y: height - 4,
        "text-anchor": minutes === 0 ? "end" : minutes === 15 ? "start" : "middle"}, minutes ? `−${minutes} min` : "now"));
    }
    this.series.forEach((s, i) => parts.push(...this.trace(s, i === 0 && this.top === null, x, y)));
    const chosen = this.at === null ? null : this.points[this.index()];
    if (chosen) parts.push(svg("line", {class: "hair", x1: x(chosen.at), x2: x(chosen.at), y1: TOP, y2: height - BOTTOM}));
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.picture.replaceChildren(...parts);
    this.tell(chosen);
  }

  // The line, and the area below the first one.
  trace(s, filled, x, y) {
    const pieces = [];
    let piece = [];
    for (const p of [...this.points, {}]) {
      const value = p[s.key];
      if (value !== null && value !== undefined && p.at >= this.points.at(-1).at - SPAN) {
        piece.push([x(p.at).toFixed(1), y(value).toFixed(1)]);
      } else if (piece.length) {
        pieces.push(piece);
        piece = [];
      }
    }
    const path = (list) => "M" + list.map((point) => point.join(" ")).join("L");
    const floor = y(0).toFixed(1);
    return pieces.flatMap((list) => [
      filled ? svg("path", {class: "area", d: `${path(list)}L${list.at(-1)[0]} ${floor}L${list[0][0]} ${floor}Z`}) : null,
      svg("path", {class: `line c-${s.colour}`, d: path(list)})]).filter(Boolean);
  }

  // The legend has the values of the chosen second, or the latest.
  tell(chosen) {
    const p = chosen ?? this.points.at(-1) ?? {};
    const words = this.series.map((s) => `${s.name} ${this.show(p[s.key])}`);
    this.legend.forEach((item, i) => { item.lastChild.textContent = words[i]; });
    const when = chosen ? clock(chosen.at) : "now";
    this.picture.setAttribute("aria-label", `${this.title}, ${when}: ${words.join(", ")}`);
  }
}

// Shares of a thousand as a small line.
export function spark(values, label) {
  const width = 96, height = 20, pieces = [];
  let piece = [];
  [...values, null].forEach((v, i) => {
    if (v !== null) {
      piece.push(`${(i / (values.length - 1) * (width - 4) + 2).toFixed(1)} ${(18 - v / 1000 * 16).toFixed(1)}`);
    } else if (piece.length) {
      pieces.push(piece);
      piece = [];
    }
  });
  const dot = (list) => list.length > 1 ? list : [list[0], list[0].replace(/^\S+/, (x) => (Number(x) + 1.5).toFixed(1))];
  return svg("svg", {class: "spark", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label},
    svg("line", {class: "grid", x1: 0, x2: width, y1: 18.5, y2: 18.5, stroke: "var(--line)"}),
    ...pieces.map((list) => svg("path", {class: "line c-main", d: "M" + dot(list).join("L")})));
}
