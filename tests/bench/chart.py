"""Curves of cost against size as SVG, both axes logarithmic."""

import math
import os
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 360, 70, 170, 40, 50
_COLOURS = ("#1f5fa8", "#c2410c", "#15803d", "#7e22ce", "#555555")


def _decades(values):
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _short(exponent):
    unit = {3: "k", 6: "M", 9: "G"}.get(exponent - exponent % 3, "") if exponent >= 3 else ""
    return f"{10 ** (exponent % 3):d}{unit}" if exponent >= 3 else f"{10.0 ** exponent:g}"


class Chart:
    """Chart(title, x label, y label); line(name, [(x, y)…]) …; save(folder, name)."""

    def __init__(self, title, across, up):
        self.title, self.across, self.up = title, across, up
        self.lines = []

    def line(self, name, points):
        self.lines.append((name, [(x, y) for x, y in points if x > 0 and y > 0]))
        return self

    def save(self, folder, name):
        """Writes the file and returns its path; nothing when there is nothing to draw."""
        points = [p for _, line in self.lines for p in line]
        if not points:
            return None
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{name}.svg")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self._draw(_decades([p[0] for p in points]), _decades([p[1] for p in points])))
        return path

    def _draw(self, xs, ys):
        def across(x):
            return _LEFT + (math.log10(x) - xs[0]) / (xs[1] - xs[0]) * (_WIDTH - _LEFT - _RIGHT)

        def up(y):
            return _HEIGHT - _BOTTOM - (math.log10(y) - ys[0]) / (ys[1] - ys[0]) * (_HEIGHT - _TOP - _BOTTOM)

        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
               f'font-family="sans-serif" font-size="12">', f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
               f'<text x="{_LEFT}" y="22" font-size="14">{escape(self.title)}</text>',
               f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(self.across)}</text>',
               f'<text x="16" y="{(_TOP + bottom) / 2}" text-anchor="middle" '
               f'transform="rotate(-90 16 {(_TOP + bottom) / 2})">{escape(self.up)}</text>']
        for e in range(xs[0], xs[1] + 1):
            x = across(10.0 ** e)
            out += [f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#dddddd"/>',
                    f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_short(e)}</text>']
        for e in range(ys[0], ys[1] + 1):
            y = up(10.0 ** e)
            out += [f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#dddddd"/>',
                    f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(e)}</text>']
        for i, (name, points) in enumerate(self.lines):
            colour = _COLOURS[i % len(_COLOURS)]
            path = "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in points)
            out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            out += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
            out.append(f'<text x="{right + 10}" y="{_TOP + 14 + 18 * i}" fill="{colour}">{escape(name)}</text>')
        return "\n".join(out) + "\n</svg>\n"
