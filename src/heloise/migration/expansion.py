"""`$name` in a value: `$name`, `${name}`, `$(name)`, `${name?text}`, `${name:text}`, `${name?{a}:{b}}`,
`${{a} == {b} ? {c} : {d}}`, `$$`. postconf(5)."""

import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z0-9_]+")
_COMPARISON = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_DEEPEST = 30

# What Postfix 3.7 has where main.cf says nothing, as far as other values name it or it decides what is mapped.
DEFAULTS: Mapping[str, str] = {
    "alias_database": "hash:/etc/aliases",
    "alias_maps": "hash:/etc/aliases, nis:mail.aliases",
    "config_directory": "/etc/postfix",
    "data_directory": "/var/lib/postfix",
    "default_database_type": "hash",
    "default_transport": "smtp",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "local_recipient_maps": "proxy:unix:passwd.byname $alias_maps",
    "local_transport": "local:$myhostname",
    "mail_name": "Postfix",
    "mail_version": "3.7",
    "message_size_limit": "10240000",
    "mydestination": "$myhostname, localhost.$mydomain, localhost",
    "mynetworks_style": "${{$compatibility_level} <level {2} ? {subnet} : {host}}",
    "myorigin": "$myhostname",
    "proxy_interfaces": "",
    "queue_directory": "/var/spool/postfix",
    "relay_domains": "",
    "relay_transport": "relay",
    "smtpd_helo_restrictions": "",
    "smtpd_client_restrictions": "",
    "smtpd_sender_restrictions": "",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "smtpd_recipient_restrictions": "",
    "virtual_alias_domains": "$virtual_alias_maps",
    "virtual_alias_maps": "$virtual_maps",
    "virtual_mailbox_base": "",
    "virtual_mailbox_domains": "$virtual_mailbox_maps",
    "virtual_mailbox_maps": "",
    "virtual_transport": "virtual",
    "virtual_maps": "",
}


class Expander:
    """Looks names up in what is written, then in the defaults. `used` are the names that other values are made with."""

    def __init__(self, written: Mapping[str, str], defaults: Mapping[str, str] = DEFAULTS) -> None:
        self._written = written
        self._defaults = defaults
        self.used: set[str] = set()

    def value(self, name: str, depth: int = 0) -> str:
        """The value of a parameter with everything put in; empty for one that there is not. Raises ValueError."""
        if depth:
            self.used.add(name)
        if depth > _DEEPEST:
            raise ValueError(f"${name} leads to itself")
        text = self._written.get(name, self._defaults.get(name, ""))
        return self.expand(text, depth + 1)

    def is_written(self, name: str) -> bool:
        """Does main.cf say it?"""
        return name in self._written

    def expand(self, text: str, depth: int = 0) -> str:
        """`text` with everything put in. Raises ValueError: a brace is not closed, or a name leads to itself."""
        out, place = [], 0
        while (found := text.find("$", place)) >= 0:
            out.append(text[place:found])
            following = text[found + 1 : found + 2]
            if following == "$":
                out.append("$")
                place = found + 2
            elif following in ("{", "("):
                inner, place = _enclosed(text, found + 1)
                out.append(self._braced(inner, depth))
            elif (name := _NAME.match(text, found + 1)) is not None:
                out.append(self.value(name[0], depth))
                place = name.end()
            else:
                out.append("$")
                place = found + 1
        out.append(text[place:])
        return "".join(out)

    def _braced(self, inner: str, depth: int) -> str:
        inner = inner.strip()
        if inner.startswith("{"):
            return self._compared(inner, depth)
        name = _NAME.match(inner)
        if name is None:
            raise ValueError(f"${{{inner}}} has no name")
        rest = inner[name.end() :].strip()
        value = self.value(name[0], depth)
        if not rest:
            return value
        if rest[0] not in "?:":
            raise ValueError(f"${{{inner}}} is not understood")
        first, second = _branches(rest[1:]) if rest[0] == "?" else ("", rest[1:])
        if rest[0] == ":":
            return value or self.expand(_bare(second), depth + 1)
        return self.expand(_bare(first if value else second), depth + 1)

    def _compared(self, inner: str, depth: int) -> str:
        left, place = _enclosed(inner, 0)
        operator = re.match(r"\s*(==|!=|<=level|>=level|<level|>level|<=|>=|<|>)\s*", inner[place:])
        if operator is None:
            raise ValueError(f"${{{inner}}} compares by nothing known")
        place += operator.end()
        right, place = _enclosed(inner, place)
        first, second = _branches(inner[place:].strip().removeprefix("?"))
        holds = _holds(self.expand(left, depth + 1), operator[1], self.expand(right, depth + 1))
        return self.expand(_bare(first if holds else second), depth + 1)


def _holds(left: str, operator: str, right: str) -> bool:
    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) if part.isdigit() else 0 for part in (text.strip() or "0").split("."))

    if operator.endswith("level"):
        operator = operator.removesuffix("level")
        one, other = numbers(left), numbers(right)
        return _COMPARE[operator](one, other)
    if left.strip().isdigit() and right.strip().isdigit():
        return _COMPARE[operator]((int(left),), (int(right),))
    return _COMPARE[operator](left, right)


_COMPARE: Mapping[str, Callable[[object, object], bool]] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,  # type: ignore[operator]
    ">": lambda one, other: one > other,  # type: ignore[operator]
    "<=": lambda one, other: one <= other,  # type: ignore[operator]
    ">=": lambda one, other: one >= other,  # type: ignore[operator]
}


def _enclosed(text: str, place: int) -> tuple[str, int]:
    """What is in the brackets that open at `place`, and the place behind them. Raises ValueError."""
    opening = text[place : place + 1]
    closing = {"{": "}", "(": ")"}.get(opening)
    if closing is None:
        raise ValueError(f"a brace is missing in {text!r}")
    depth = 0
    for index in range(place, len(text)):
        depth += (text[index] == opening) - (text[index] == closing)
        if depth == 0:
            return text[place + 1 : index], index + 1
    raise ValueError(f"a brace is not closed: {text!r}")


def _branches(text: str) -> tuple[str, str]:
    """`{a}:{b}`, `{a}`, or `text` without braces, which is all for the first."""
    text = text.strip()
    if not text.startswith("{"):
        return text, ""
    first, place = _enclosed(text, 0)
    return first, text[place:].strip().removeprefix(":").strip()


def _bare(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if text.startswith("{") and text.endswith("}") else text
