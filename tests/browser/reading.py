"""What tests look at in a page, whichever browser shows it."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

PATIENCE: Final = 60.0  # seconds for a page to become what it should


class BrowserError(AssertionError):
    """The browser did not do what was asked, or a page never became what it should."""


class Reading(ABC):
    """A page that is open. What is waited for is looked at again and again, for `PATIENCE` seconds."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Load a page that need not be one of ours."""

    @abstractmethod
    def run(self, script: str) -> Any:
        """The value of an expression; promises are waited for. Raises BrowserError."""

    @abstractmethod
    def pause(self) -> None:
        """A moment before the next look."""

    def tried(self, script: str) -> Any:
        """As `run`, but None where the page is just becoming another."""
        return self.run(script)

    def trouble_shown(self) -> str:
        """What may help to find out why a page never became what it should."""
        return f"shown: {str(self.run('document.body.innerText'))[:1500]}"

    def go(self, url: str) -> None:
        """Load a page, and wait until its module has drawn it."""
        self.open(url)
        self.wait("document.readyState === 'complete' && document.querySelector('main[data-ready]') !== null")

    def wait(self, condition: str, what: str = "") -> Any:
        """The first value of the expression that is true."""
        return self.until(lambda: self.tried(condition), what or condition)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """The first value of a function that is true."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise BrowserError(f"never: {what}; {self.trouble_shown()}")
            self.pause()
        return value

    def text(self, selector: str) -> str:
        """What can be read in the first element that fits, once there is one."""
        return str(self.wait(f"document.querySelector({json.dumps(selector)})?.innerText ?? null", selector))

    def count(self, selector: str) -> int:
        """How many elements fit now."""
        return int(self.run(f"document.querySelectorAll({json.dumps(selector)}).length"))
