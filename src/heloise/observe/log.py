"""The log: one line for each event, as text to read or as JSON, to a file or to standard error.

Never content, never secrets: octets are counted, not shown, fields of a secret's name are struck out, long values are
cut, and control characters are escaped, so that nobody can forge a line (CWE-117). An event below the level costs one
comparison.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from heloise.world.clock import Clock

Fields: TypeAlias = Mapping[str, object]

STRUCK_OUT = "****"
LONGEST = 1000  # characters of one value
_SECRETS = frozenset({"password", "secret", "token", "credentials", "response", "content", "body"})
_BARE = re.compile(r"[\w!#$%&'()*+,\-./:;<>?@\[\]^`{|}~]+")  # letters and digits of any script, and these


class LogFormat(Enum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class LogLevel(Enum):
    """How much is logged; each has all that stands below it."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_RANK = {level.value: rank for rank, level in enumerate(LogLevel)}


class Log:
    """Writes events. Calling it is the `Emit` of `heloise.app.journal`: `log("info", "message.accepted", {…})`.

    Args:
        output: takes one whole line, with its line feed.
        clock: tells the time of a line.
        level: what is below it is left out.
        format: how a line is written.
    """

    def __init__(
        self,
        output: Callable[[bytes], None],
        clock: Clock,
        *,
        level: LogLevel = LogLevel.INFO,
        format: LogFormat = LogFormat.TEXT,  # noqa: A002
    ) -> None:
        self._output = output
        self._clock = clock
        self._rank = _RANK[level.value]
        self._line = _json_line if format is LogFormat.JSON else _text_line

    def __call__(self, level: str, event: str, fields: Fields) -> None:
        """Write one event, when its level is wanted. Never raises for the output's sake: mail goes on without a log."""
        if _RANK[level] < self._rank:
            return
        fitting = {
            # Short texts are nearly all there is; they need no look of their own.
            name: value if type(value) is str and len(value) <= LONGEST and name not in _SECRETS else _fit(name, value)
            for name, value in fields.items()
        }
        line = self._line(self._clock.now(), level, event, fitting)
        try:
            self._output(line.encode("utf-8", "replace"))
        except OSError:
            self._output = _nowhere  # a full disk or a closed pipe; said once would be once more than can be

    def wants(self, level: LogLevel) -> bool:
        """Is an event of this level written? Ask before making expensive fields."""
        return _RANK[level.value] >= self._rank


class Gathering:
    """Gathers the lines of one round of the event loop into one write to `output`; outside of a loop writes at once.

    `flush` before the end: what the last round said may still be here.
    """

    def __init__(self, output: Callable[[bytes], None]) -> None:
        self._output = output
        self._lines: list[bytes] = []

    def __call__(self, line: bytes) -> None:
        """Take one line."""
        self._lines.append(line)
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what there is. What can not be written is lost: mail goes on without a log."""
        lines, self._lines = self._lines, []
        if lines:
            with suppress(OSError):
                self._output(b"".join(lines))


class FileOutput:
    """Appends to a file; `reopen` after it was moved away by who rotates logs. Each line is one write.

    Goes past the door to the disk: that has no appending, and a log is no mail whose durability is argued about.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = self._open()

    def __call__(self, line: bytes) -> None:
        """Append one line. Raises OSError."""
        os.write(self._descriptor, line)

    def reopen(self) -> None:
        """Go on in a new file of the same name. Raises OSError, and then goes on in the old one."""
        descriptor = self._open()
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        """No line may come after it."""
        os.close(self._descriptor)

    def _open(self) -> int:
        os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def standard_error(line: bytes) -> None:
    """Write to standard error at once."""
    sys.stderr.buffer.write(line)
    sys.stderr.buffer.flush()


def _nowhere(line: bytes) -> None:
    pass


def _fit(name: str, value: object) -> object:
    """A value that may be shown."""
    if name in _SECRETS:
        return STRUCK_OUT
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} octets]"
    if isinstance(value, Mapping):
        return {str(key): _fit(str(key), inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [_fit("", inner) for inner in value]
    return _fit(name, str(value))


def _time(now: float) -> str:
    milliseconds = round(now * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=4)
def _second(now: int) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _json_line(now: float, level: str, event: str, fields: Fields) -> str:
    whole = {"time": _time(now), "level": level, "event": event, **fields}
    line = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    if not line.isprintable():  # U+0085 and U+2028 end a line for some readers
        line = json.dumps(whole, separators=(",", ":"))
    return line + "\n"


def _text_line(now: float, level: str, event: str, fields: Fields) -> str:
    line = f"{_time(now)} {level:<7} {event}"
    for name, value in fields.items():
        line += f" {name}={_text(value) if type(value) is str else _written(value)}"
    return line + "\n"


def _written(value: object) -> str:
    """A value in a text line: bare when that is clear, else as JSON; a list by commas."""
    if isinstance(value, list):
        return ",".join(map(_written, value)) or "-"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={_written(inner)}" for key, inner in value.items()) + "}"
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _text(str(value))


@lru_cache(maxsize=4096)
def _text(text: str) -> str:
    """The same of a text. Peers, senders, sessions and hosts come again and again."""
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())
