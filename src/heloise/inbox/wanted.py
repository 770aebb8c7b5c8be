"""What a test waits for: conditions on a message, and which of them one does not meet. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from heloise.inbox.message import CaughtMessage

Pattern = str | re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Conditions; what is None does not matter.

    Text with * or ? is a pattern for the whole; without, an address has to be the same (but for case), and a subject,
    a body or a header field has to have the text in it. A compiled regular expression is searched for.
    """

    to: Pattern | None = None
    sender: Pattern | None = None
    subject: Pattern | None = None
    body: Pattern | None = None
    headers: Mapping[str, Pattern] = field(default_factory=dict)

    def misses(self, message: CaughtMessage) -> tuple[str, ...]:
        """The conditions that the message does not meet, a sentence each; none when it is the one."""
        return tuple(self._misses(message))

    def is_met_by(self, message: CaughtMessage) -> bool:
        """Whether it is the one."""
        return next(self._misses(message), None) is None

    def _misses(self, message: CaughtMessage) -> Iterator[str]:
        if self.to is not None and not any(_same(self.to, each) for each in message.recipients):
            yield f"to is {', '.join(message.recipients)}, wanted {_shown(self.to)}"
        if self.sender is not None and not _same(self.sender, message.sender):
            yield f"sender is {message.sender or '<>'}, wanted {_shown(self.sender)}"
        if self.subject is not None and not _has(self.subject, message.subject):
            yield f"subject is {message.subject!r}, wanted {_shown(self.subject)}"
        for name, pattern in self.headers.items():
            if not _has(pattern, message.header(name)):
                yield f"{name} is {message.header(name)!r}, wanted {_shown(pattern)}"
        if self.body is not None and not _has(self.body, message.text):
            yield f"body is {message.text[:100]!r}…, wanted {_shown(self.body)}"

    def __str__(self) -> str:
        parts = [
            f"{name} {_shown(pattern)}"
            for name, pattern in (
                ("to", self.to),
                ("sender", self.sender),
                ("subject", self.subject),
                ("body", self.body),
                *self.headers.items(),
            )
            if pattern is not None
        ]
        return " with " + ", ".join(parts) if parts else ""


def _same(pattern: Pattern, text: str) -> bool:
    if isinstance(pattern, str) and not _is_glob(pattern):
        return pattern.lower() == text.lower()
    return _fits(pattern, text)


def _has(pattern: Pattern, text: str) -> bool:
    if isinstance(pattern, str) and not _is_glob(pattern):
        return pattern.lower() in text.lower()
    return _fits(pattern, text)


def _fits(pattern: Pattern, text: str) -> bool:
    if isinstance(pattern, str):
        return fnmatchcase(text.lower(), pattern.lower())
    return pattern.search(text) is not None


def _is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _shown(pattern: Pattern) -> str:
    return repr(pattern) if isinstance(pattern, str) else f"/{pattern.pattern}/"
