"""Reads /metrics of a program and holds it against the text format."""

import http.client
import re

_SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?[0-9.]+)$')
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


class Metrics:
    """One scrape: metrics["name"] is the sum over its series; metrics.of("name", label=value) one of them."""

    def __init__(self, text):
        self.text, self.kinds, self.series = text, {}, {}
        described = set()
        for line in text.splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ")[2]
                assert name not in described, f"{name} is described twice"
                described.add(name)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name in described and kind in ("counter", "gauge", "histogram"), line
                self.kinds[name] = kind
            else:
                self._sample(line)

    def _sample(self, line):
        found = _SAMPLE.match(line)
        assert found, f"no sample: {line}"
        name, labels, value = found[1], tuple(_LABEL.findall(found[2] or "")), float(found[3])
        assert self.family(name), f"{name} has no TYPE"
        assert (name, labels) not in self.series, f"twice: {line}"
        self.series[name, labels] = value

    def family(self, name):
        """The name under which a sample's TYPE stands, or None."""
        base = re.sub("_(bucket|sum|count)$", "", name)
        return name if name in self.kinds else base if self.kinds.get(base) == "histogram" else None

    def of(self, name, **labels):
        """The sum of the series that have these labels; None when there is none."""
        found = [v for (n, have), v in self.series.items() if n == name and labels.items() <= dict(have).items()]
        return sum(found) if found else None

    def __getitem__(self, name):
        value = self.of(name)
        assert value is not None, f"no series {name} in:\n{self.text}"
        return value

    def names(self):
        return {self.family(name) for name, _ in self.series}


def get(address, path="/metrics", method="GET", source=None):
    """(status, content type, text) of an answer."""
    connection = http.client.HTTPConnection(address, timeout=5, source_address=source and (source, 0))
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    finally:
        connection.close()


def scrape(process):
    """The Metrics of a running Trunkd or Sipmod."""
    status, kind, text = get(process.metrics_address)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8"), text
    return Metrics(text)
