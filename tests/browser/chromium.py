"""A real browser for tests: Debian's chromium without a window, spoken to through two pipes (DevTools protocol).

    with Chromium() as browser:
        page = browser.page(width=1280)
        page.go("http://127.0.0.1:8025/")
        page.click("button.primary")
        assert page.text("h1") == "Sessions"

Through pipes there is no port that could be in use, and no protocol between us but JSON and an octet 0. Every wait ends
with a condition or with an error after `PATIENCE` seconds; nothing waits for a time.
"""

import base64
import json
import os
import select
import subprocess
import tempfile
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.browser.reading import PATIENCE, BrowserError, Reading
from tests.peers import require

# What a browser does by itself would only disturb, and looks like a message that loads something.
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-extensions", "--disable-client-side-phishing-detection", "--disable-domain-reliability"),
    *("--disable-features=OptimizationHints,MediaRouter,Translate,DialMediaRouteProvider", "--mute-audio"),
    *("--password-store=basic", "--use-mock-keychain", "--hide-scrollbars", "--force-color-profile=srgb"),
    *("--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding", "--lang=en-GB"),
)
Json = dict[str, Any]


# Where an element is when it has kept its place for a while, nothing is before it, and a click on it will be noticed.
_AIM = """
(async () => {
  let still = 0, last = "";
  for (let turn = 0; turn < 200; turn++) {
    const it = %s;
    if (!it) return null;
    it.scrollIntoView({ block: "center", behavior: "instant" });
    const box = it.getClientRects()[0];
    const place = [box.x + box.width / 2, box.y + box.height / 2];
    still = place.join() === last && it.contains(document.elementFromPoint(...place)) ? still + 1 : 0;
    if (still === 4) {
      window.aim = { hit: false };
      const notice = (event) => { window.aim.hit = it.contains(event.target); };
      document.addEventListener("click", notice, { capture: true, once: true });
      return place;
    }
    last = place.join();
    await new Promise((go) => setTimeout(go, 25));
  }
  return null;
})()
"""


class Chromium:
    """One browser process."""

    def __init__(self) -> None:
        self._program = require("chromium")
        self._profile = tempfile.TemporaryDirectory(prefix="heloise-chromium-", ignore_cleanup_errors=True)
        self._number = 0
        self._inbox = b""
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        errors = open(Path(self._profile.name) / "errors", "wb")
        command = [*_FLAGS, f"--user-data-dir={self._profile.name}/profile", "--remote-debugging-pipe", "about:blank"]
        # The browser reads at descriptor 3 and writes at 4.
        shell = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, str(self._program), *command],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
        )
        errors.close()
        os.close(to_browser)
        os.close(from_browser)
        self.call("Browser.getVersion")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(PATIENCE)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, 9)
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def page(self, *, width: int = 1280, height: int = 800, dark: bool = False) -> "Page":
        """A new page in a context of its own: nothing is remembered from others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        page.begin(width, height, dark=dark)
        return page

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Json:
        """Ask the browser for something, and wait for its answer. Raises BrowserError."""
        self._number += 1
        number = self._number
        message: Json = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            told = self._read(deadline, method)
            if told.get("id") == number:
                if "error" in told:
                    raise BrowserError(f"{method}: {told['error'].get('message')}")
                return dict(told["result"])
            self._heard(told)

    def listen(self, seconds: float) -> None:
        """Take in what the browser tells by itself, for at most so long; returns after the first."""
        try:
            self._heard(self._read(time.monotonic() + seconds, "an event"))
        except TimeoutError:
            return

    def _heard(self, told: Json) -> None:
        page = self._pages.get(told.get("sessionId", ""))
        if page is not None and "method" in told:
            page.heard(told["method"], told.get("params", {}))

    def _write(self, octets: bytes) -> None:
        while octets:
            octets = octets[os.write(self._out, octets) :]

    def _read(self, deadline: float, what: str) -> Json:
        while b"\0" not in self._inbox:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"the browser did not answer: {what}")
            octets = os.read(self._in, 1 << 20)
            if not octets:
                raise BrowserError(f"the browser has ended: {self._last_words()}")
            self._inbox += octets
        message, _, self._inbox = self._inbox.partition(b"\0")
        return dict(json.loads(message))

    def _last_words(self) -> str:
        return (Path(self._profile.name) / "errors").read_text(errors="replace")[-2000:]


class Page(Reading):
    """One page. `trouble` are errors and refusals of the policy on its console, `requested` the URLs it asked for."""

    def __init__(self, browser: Chromium, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self.trouble: list[str] = []
        self.may_be_troubled = False
        self.requested: deque[str] = deque(maxlen=10_000)

    def begin(self, width: int, height: int, *, dark: bool) -> None:
        """Take the size and the colours."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.size(width, height)
        self.colours(dark=dark)

    def call(self, method: str, **parameters: Any) -> Json:
        """Ask for something in this page."""
        return self._browser.call(method, self._session, **parameters)

    def close(self) -> None:
        """Close it, and forget all it knew."""
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def size(self, width: int, height: int) -> None:
        """The size of the window in CSS pixels; a narrow one is a telephone."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def colours(self, *, dark: bool) -> None:
        """What the system prefers."""
        value = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def heard(self, method: str, told: Json) -> None:
        """What the browser tells by itself."""
        if method == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.trouble.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif method == "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            self.trouble.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] == "error":
            self.trouble.append(" ".join(str(each.get("description", each.get("value"))) for each in told["args"]))

    def open(self, url: str) -> None:
        """Load a page that need not be one of ours."""
        self.call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for. Raises BrowserError."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description", details["text"]))
        return told["result"].get("value")

    def tried(self, script: str) -> Any:
        """As `run`, but None where the page is just becoming another."""
        try:
            return self.run(script)
        except BrowserError as error:  # between two documents
            if "context" in str(error) or "navigated" in str(error):
                return None
            raise

    def pause(self) -> None:
        """A moment before the next look."""
        self._browser.listen(0.05)

    def trouble_shown(self) -> str:
        """What may help to find out why a page never became what it should."""
        return f"on the console: {self.trouble}; {super().trouble_shown()}"

    def click(self, selector: str, *, holding: str = "") -> None:
        """Press the mouse on the first element that fits and has this text in it, where it is seen."""
        find = (
            f"[...document.querySelectorAll({json.dumps(selector)})]"
            f".find((each) => each.innerText.includes({json.dumps(holding)}) && each.getClientRects().length)"
        )
        for _ in range(3):
            self.wait(f"{find} !== undefined", f"{selector} with {holding!r}")
            place = self.run(_AIM % find)
            if place is None:
                continue
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)
            # Gone with the page when the click led to another.
            if self.run("window.aim === undefined || window.aim.hit"):
                return
        raise BrowserError(f"{selector} with {holding!r} does not keep still: {self.trouble_shown()}")

    def key(self, name: str) -> None:
        """Press a key: one sign, or a name such as Enter."""
        more: Json = {"text": name} if len(name) == 1 else {"text": "\r"} if name == "Enter" else {}
        code = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38}.get(name, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path | str) -> None:
        """What can be seen, as PNG."""
        octets = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        Path(path).write_bytes(octets)
