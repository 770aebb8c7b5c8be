"""A second engine for tests: Debian's Firefox without a window, by Marionette (JSON over a socket of its own).

It can what the tests of both engines need, as a page of chromium does: `go`, `run`, `wait`, `text`, `count`, `click`.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.browser.reading import PATIENCE, BrowserError, Reading
from tests.peers import require

# No port is chosen by us: it takes a free one, and writes it into its profile. What a browser does by itself is off.
_PREFERENCES = {
    "marionette.port": 0,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.prefetch-next": False,
    "extensions.update.enabled": False,
    "services.settings.server": "data:,",
    "network.proxy.type": 0,
}
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # what WebDriver calls a reference to one


class Firefox(Reading):
    """One browser process with one page."""

    def __init__(self) -> None:
        self._program = require("firefox")
        self._profile = tempfile.TemporaryDirectory(prefix="heloise-firefox-", ignore_cleanup_errors=True)
        self._number = 0
        self._input = b""

    def __enter__(self) -> Self:
        profile = Path(self._profile.name)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
        (profile / "user.js").write_text("\n".join(lines) + "\n", encoding="utf-8")
        with open(profile / "errors", "wb") as errors:
            self._process = subprocess.Popen(
                [str(self._program), "--headless", "--no-remote", "--marionette", "--profile", str(profile)],
                env={
                    **os.environ,
                    "HOME": self._profile.name,
                    "MOZ_HEADLESS_WIDTH": "1280",
                    "MOZ_HEADLESS_HEIGHT": "900",
                },
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        self._socket = socket.create_connection(("127.0.0.1", self._port(profile)), timeout=PATIENCE)
        self._read()  # who it is
        self.call("WebDriver:NewSession", {"strictFileInteractability": True})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call("Marionette:Quit", {"flags": ["eForceQuit"]})
            self._process.wait(PATIENCE)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, 9)
            self._process.wait()
        self._socket.close()
        self._profile.cleanup()

    def _port(self, profile: Path) -> int:
        deadline = time.monotonic() + 3 * PATIENCE
        while not (text := _content(profile / "MarionetteActivePort")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BrowserError(
                    f"firefox does not begin: {(profile / 'errors').read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.05)
        return int(text)

    def call(self, name: str, parameters: dict[str, Any] | None = None) -> Any:
        """Ask the browser for something, and wait for its answer. Raises BrowserError."""
        self._number += 1
        octets = json.dumps([0, self._number, name, parameters or {}]).encode()
        self._socket.sendall(b"%d:%b" % (len(octets), octets))
        while True:
            told = self._read()
            if told[1] == self._number:
                if told[2] is not None:
                    raise BrowserError(f"{name}: {told[2].get('message')}")
                return told[3]

    def _read(self) -> Any:
        while b":" not in self._input:
            self._receive()
        length, _, rest = self._input.partition(b":")
        self._input = rest
        while len(self._input) < int(length):
            self._receive()
        octets, self._input = self._input[: int(length)], self._input[int(length) :]
        return json.loads(octets)

    def _receive(self) -> None:
        octets = self._socket.recv(1 << 16)
        if not octets:
            raise BrowserError("firefox has ended")
        self._input += octets

    def open(self, url: str) -> None:
        """Load a page that need not be one of ours."""
        self.call("WebDriver:Navigate", {"url": url})

    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for. Raises BrowserError."""
        wanted = f"(async () => [await ({script})])()"
        body = f"const done = arguments[arguments.length - 1]; {wanted}.then(done, (error) => done(String(error)));"
        asked: dict[str, Any] = {"script": body, "args": [], "sandbox": None}
        told = self.call("WebDriver:ExecuteAsyncScript", asked)["value"]
        if not isinstance(told, list):
            raise BrowserError(str(told))
        return told[0]

    def pause(self) -> None:
        """A moment before the next look."""
        time.sleep(0.05)

    def click(self, selector: str, *, holding: str = "") -> None:
        """Press the mouse on the first element that fits and has this text in it, where it is seen."""
        find = (
            f"return [...document.querySelectorAll({json.dumps(selector)})]"
            f".find((each) => each.innerText.includes({json.dumps(holding)}) && each.getClientRects().length) ?? null"
        )

        def clicked() -> bool:
            found = self.call("WebDriver:ExecuteScript", {"script": find, "args": [], "sandbox": None})["value"]
            if found is None:
                return False
            try:
                self.call("WebDriver:ElementClick", {"id": found[_ELEMENT]})
            except BrowserError:  # it was drawn anew in this moment, or something is before it
                return False
            return True

        self.until(clicked, f"{selector} with {holding!r} can be clicked")

    def press(self, x: float, y: float) -> None:
        """Press the mouse at this place of the window, whatever is there."""
        moves = [
            {"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": moves}
        self.call("WebDriver:PerformActions", {"actions": [mouse]})

    def windows(self) -> list[str]:
        """The windows and tabs there are."""
        return list(self.call("WebDriver:GetWindowHandles"))


def _content(path: Path) -> str:
    return path.read_text() if path.exists() else ""
