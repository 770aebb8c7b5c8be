"""Checks of `[[milter]]` and `[rspamd]`."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from heloise.config.errors import Problem
from heloise.config.names import problem
from heloise.config.schema import Configuration

_TIMES = ("connect_timeout", "command_timeout", "content_timeout", "message_timeout")


def milters(draft: Configuration) -> Iterator[Problem]:
    """Each has a name of its own, time to answer, and listeners that there are."""
    seen: dict[str, int] = {}
    addresses = [listener.address for listener in draft.listeners]
    for index, milter in enumerate(draft.milters):
        if milter.name in seen:
            first = draft.places.nearest("milter", seen[milter.name], "name")
            yield problem(draft, ("milter", index, "name"), f'"{milter.name}" is the name of another, {first}')
        seen.setdefault(milter.name, index)
        for key in _TIMES:
            if getattr(milter, key) <= 0:
                yield problem(draft, ("milter", index, key), f"{key} is more than 0")
        for number, address in enumerate(milter.listeners):
            if address not in addresses:
                text = f"there is no [[listener]] with the address {address}"
                yield problem(draft, ("milter", index, "listeners", number), text)


def rspamd(draft: Configuration) -> Iterator[Problem]:
    """A URL of HTTP, and time to answer."""
    url = draft.rspamd.url
    if url is not None:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            good = False
        if not good:
            text, hint = f'"{url}" is no address of a web service', 'write it like "http://127.0.0.1:11333"'
            yield problem(draft, ("rspamd", "url"), text, hint)
    if draft.rspamd.timeout <= 0:
        yield problem(draft, ("rspamd", "timeout"), "timeout is more than 0")
