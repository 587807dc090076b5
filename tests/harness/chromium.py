"""A real Chromium without a screen, driven over the DevTools protocol through two pipes.

    with Chromium() as browser:
        page = browser.page(1280, 800)
        page.open(url)
        page.wait("document.title != ''")
        assert page("document.querySelectorAll('tr').length") == 3
        page.requests                  # all that it asked for: [{"url", "method", "status"}…]
        page.complaints                # errors on its console, broken policies among them
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from .wait import wait_for

_FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
          "--disable-extensions", "--disable-sync", "--hide-scrollbars", "--mute-audio", "--lang=en-US",
          "--remote-debugging-pipe"]


class Chromium:
    def __init__(self):
        self.profile = self.process = None
        self.number, self.data = 0, b""
        self.replies, self.pages = {}, {}

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="trunkline-chromium-")
        theirs_in, self.out = os.pipe()
        self.incoming, theirs_out = os.pipe()

        def hand_over():  # DevTools reads from 3 and writes to 4
            high_in, high_out = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self.process = subprocess.Popen(
            ["/usr/bin/chromium", *_FLAGS, f"--user-data-dir={self.profile}", "about:blank"], preexec_fn=hand_over,
            close_fds=False, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "HOME": self.profile, "LC_ALL": "C.UTF-8"})
        os.close(theirs_in)
        os.close(theirs_out)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.out)
        os.close(self.incoming)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, session=None, timeout=30, **params):
        """One command of the protocol; returns its result."""
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self.out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while number not in self.replies:
            assert time.monotonic() < end, f"Chromium does not answer {method}"
            self.take(0.5)
        reply = self.replies.pop(number)
        assert "error" not in reply, (method, reply)
        return reply["result"]

    def take(self, seconds):
        """Takes what has come, waiting at most so long for the first of it."""
        if not select.select([self.incoming], [], [], seconds)[0]:
            return
        self.data += os.read(self.incoming, 1 << 20)
        *messages, self.data = self.data.split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.replies[message["id"]] = message
            elif message.get("sessionId") in self.pages:
                self.pages[message["sessionId"]].on_event(message["method"], message["params"])

    def page(self, width=1280, height=800, dark=False):
        """A page with cookies of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.do(f"{domain}.enable")
        page.look(width, height, dark)
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.requests, self.complaints = [], []

    def do(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def on_event(self, method, params):
        if method == "Network.requestWillBeSent":
            self.requests.append({"id": params["requestId"], "url": params["request"]["url"],
                                  "method": params["request"]["method"], "status": None})
        elif method == "Network.responseReceived":
            for request in self.requests:
                if request["id"] == params["requestId"]:
                    request["status"] = params["response"]["status"]
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))

    def look(self, width, height, dark=False):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                mobile=width < 600)
        self.do("Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, url):
        self.do("Page.navigate", url=url)
        self.wait("document.readyState == 'complete' && location.href != 'about:blank'")

    def __call__(self, expression):
        """The value of an expression."""
        result = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, expression, deadline=15):
        """Until it is true; an error in it counts as not yet, as while a page loads."""
        return wait_for(lambda: self._try(expression), deadline, expression, interval=0.05)

    def _try(self, expression):
        result = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value") if "exceptionDetails" not in result else None

    def text(self, selector):
        return self(f"document.querySelector({json.dumps(selector)}).innerText")

    def type(self, selector, text):
        self(f"document.querySelector({json.dumps(selector)}).focus()")
        self.do("Input.insertText", text=text)

    def press(self, key, code=None):
        what = {"key": key, "code": code or key, "windowsVirtualKeyCode": {"Enter": 13, "Escape": 27}.get(key, 0),
                **({"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {})}
        self.do("Input.dispatchKeyEvent", type="keyDown", **what)
        self.do("Input.dispatchKeyEvent", type="keyUp", **what)

    def screenshot(self, path, whole=False):
        shot = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
