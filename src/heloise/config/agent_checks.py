"""Checks of programs and web services that take mail, and of the routes that lead to them."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from heloise.config.agents import Hook, Pipe
from heloise.config.errors import Problem, did_you_mean
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.local.program import OF_ONE, PLACEHOLDERS
from heloise.mail.route import Route, Transport

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_OURS = ("host", "content-length", "content-type", "connection", "transfer-encoding", "heloise-envelope")


def pipes(draft: Configuration) -> Iterator[Problem]:
    """Each name once; a command that can be run, with placeholders that there are."""
    yield from _named_once(draft, "pipe", [pipe.name for pipe in draft.pipes])
    for index, pipe in enumerate(draft.pipes):
        yield from _of_both(draft, "pipe", index, pipe)
        path: Path = ("pipe", index, "command")
        if not pipe.command:
            yield problem(draft, path, 'the command is empty; write it like ["/usr/bin/procmail", "{recipient}"]')
        elif not pipe.command[0].startswith("/"):
            yield problem(draft, path, f'"{pipe.command[0]}" is not an absolute path, and no search path is used')
        for number, argument in enumerate(pipe.command[1:], start=1):
            yield from _argument(draft, (*path, number), argument, one_recipient=pipe.one_recipient)


def _argument(draft: Configuration, path: Path, argument: str, *, one_recipient: bool) -> Iterator[Problem]:
    for name in re.findall(r"\{(\w*)\}", argument):
        if name not in PLACEHOLDERS:
            yield problem(draft, path, f'"{{{name}}}" stands for nothing', did_you_mean(name, PLACEHOLDERS))
        elif argument != f"{{{name}}}":
            hint = f'write it as an argument of its own: "{{{name}}}"'
            yield problem(draft, path, f'"{argument}" has a placeholder inside; it stands for a whole argument', hint)
        elif name in OF_ONE and not one_recipient:
            text = f"{argument} belongs to one recipient, and one_recipient is false"
            yield problem(draft, path, text, "use {recipient}, which becomes as many arguments as there are")


def hooks(draft: Configuration) -> Iterator[Problem]:
    """Each name once; a URL that can be asked, headers that can be sent."""
    yield from _named_once(draft, "hook", [hook.name for hook in draft.hooks])
    for index, hook in enumerate(draft.hooks):
        yield from _of_both(draft, "hook", index, hook)
        yield from url_of(draft, ("hook", index), hook.url)
        if hook.secret == "":
            yield problem(draft, ("hook", index, "secret"), "an empty secret is none; leave it out")
        yield from headers_of(draft, ("hook", index), hook.headers)
        for name in hook.headers:
            if name.lower() in _OURS:
                path: Path = ("hook", index, "headers", name)
                yield problem(draft, path, f"{name} is written by the server itself")


def url_of(draft: Configuration, at: Path, text: str) -> Iterator[Problem]:
    """The `url` of this section can be asked."""
    url = _split(text)
    if url is None or url.scheme not in ("http", "https") or not url.hostname or not text.isascii():
        hint = 'write it like "https://app.example.net/mail"'
        yield problem(draft, (*at, "url"), f'"{text}" is not the URL of a web service', hint)
    elif "@" in url.netloc:
        hint = 'write headers = { Authorization = "Basic …" }'
        yield problem(draft, (*at, "url"), "a URL has no user and no password here", hint)


def headers_of(draft: Configuration, at: Path, headers: Mapping[str, str]) -> Iterator[Problem]:
    """The `headers` of this section can be sent."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not (value.isascii() and value.isprintable()):
            path = (*at, "headers", name)
            yield problem(draft, path, f'the header "{name}" can not be sent: it is not plain ASCII on one line')


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        assert url.port is None or url.port > 0
    except (ValueError, AssertionError):
        return None
    return url


def _named_once(draft: Configuration, section: str, names: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        first = names.index(name)
        if first != index:
            place = draft.places.nearest(section, first, "name")
            yield problem(draft, (section, index, "name"), f'there is a {section} "{name}" already, {place}')


def _of_both(draft: Configuration, section: str, index: int, agent: Pipe | Hook) -> Iterator[Problem]:
    for key, value in (("timeout", agent.timeout), ("concurrency", agent.concurrency)):
        if value <= 0:
            yield problem(draft, (section, index, key), f"{key} is more than 0")


def agent_routes(draft: Configuration) -> Iterator[Problem]:
    """Whatever a route calls is there."""
    known: Mapping[Transport, list[str]] = {
        Transport.PIPE: [pipe.name for pipe in draft.pipes],
        Transport.HTTP: [hook.name for hook in draft.hooks],
    }
    sections = {Transport.PIPE: "pipe", Transport.HTTP: "hook"}
    for path, route in _routes(draft):
        names = known.get(route.transport)
        if names is not None and route.target not in names:
            section = sections[route.transport]
            hint = did_you_mean(route.target, names) if names else f'write [[{section}]] and name = "{route.target}"'
            yield problem(draft, path, f'"{route}": there is no [[{section}]] of this name', hint)


def _routes(draft: Configuration) -> Iterator[tuple[Path, Route]]:
    yield from ((("user", index, "route"), user.route) for index, user in enumerate(draft.users) if user.route)
    yield from ((("route", index, "to"), route.to) for index, route in enumerate(draft.routes))
    if draft.smarthost is not None:
        yield ("smarthost",), draft.smarthost
