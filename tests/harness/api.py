"""A client of the REST API with urllib alone, so that requests can be as wrong as a test wants."""

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request


class Reply:
    """status (int), headers, text, and data: the JSON body or None."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.text = body.decode("utf-8", "replace")
        try:
            self.data = json.loads(self.text)
        except ValueError:
            self.data = None

    def __repr__(self):
        return f"<{self.status} {self.text[:400]}>"

    def __getitem__(self, key):
        assert isinstance(self.data, dict), self
        assert key in self.data, f"no {key!r} in {self!r}"
        return self.data[key]

    def get(self, key, otherwise=None):
        return self.data.get(key, otherwise) if isinstance(self.data, dict) else otherwise

    @property
    def ok(self):
        return self.status == 200 and self.get("status") == "200" and self.get("error") is None

    def good(self):
        """Asserts success; returns the reply."""
        assert self.ok, self
        return self

    def refused(self, error=None):
        """Asserts the contract's failure, with this error text if given; returns the reply."""
        assert self.status == 404 and self.get("status") == "404" and self.get("error"), self
        assert error is None or self["error"] == error, self
        return self


class Api:
    """api.reserve(category="landline", …) posts a form to /reserve with token and accountno.

    A parameter None is left out, token and accountno too. Per client: encoding "form", "json" or
    "multipart", and prefix "/" or "/api/did/".
    """

    def __init__(self, url, accountno=None, token=None, encoding="form", prefix="/", timeout=30):
        self.url, self.prefix, self.timeout = url, prefix, timeout
        self.accountno, self.token, self.encoding = accountno, token, encoding

    def __getattr__(self, endpoint):
        if endpoint.startswith("_"):
            raise AttributeError(endpoint)
        return lambda **params: self.call(endpoint, **params)

    def with_(self, **changes):
        """A copy with other accountno, token, encoding, prefix, …"""
        return Api(**{**self.__dict__, **changes})

    def call(self, endpoint, encoding=None, headers=None, **params):
        data = {"accountno": self.accountno, "token": self.token, **params}
        data = {k: v for k, v in data.items() if v is not None}
        how = encoding or self.encoding
        if how == "query":
            return self.raw("GET", f"{self.prefix}{endpoint}?{urllib.parse.urlencode(data)}", headers=headers)
        body, content_type = _ENCODERS[how](data)
        return self.raw("POST", self.prefix + endpoint, body, {"Content-Type": content_type, **(headers or {})})

    def raw(self, method, path, body=None, headers=None):
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())


def _form(data):
    return urllib.parse.urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"


def _json(data):
    return json.dumps(data).encode(), "application/json"


def _multipart(data):
    """Values are texts, or (file name, content type, bytes) for a file."""
    boundary = secrets.token_hex(16)
    parts = []
    for name, value in data.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, tuple):
            filename, content_type, content = value
            head += f'; filename="{filename}"\r\nContent-Type: {content_type}'
        else:
            content = str(value).encode()
        parts.append(head.encode() + b"\r\n\r\n" + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


_ENCODERS = {"form": _form, "json": _json, "multipart": _multipart}
