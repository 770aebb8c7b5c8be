"""Reading reports that others wrote. RFC 3464, RFC 6522, RFC 6533; and bounces that follow none of them, by guess.

Input: a whole message. Output: a frozen `ReadReport`, or None when it does not look like a report. Nothing in it is
trusted: never raises, whatever the octets.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes
from email.message import Message

from heloise.dsn.guess import guess_recipients, looks_like_a_bounce
from heloise.dsn.reading import ReadRecipient, ReadReport, fit, read_action, read_status

LARGEST = 32 << 20  # octets; more is not looked at
MOST_RECIPIENTS = 10_000
_TEXT = 20_000  # characters of the human part
_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


class _Entity(Message):
    """A part whose status fields stay octets: the standard library would take some for messages, by their type."""

    @property
    def true_type(self) -> str:
        return super().get_content_type()

    def get_content_type(self) -> str:
        true = super().get_content_type()
        return "text/plain" if true.endswith("delivery-status") or true.startswith("message/global") else true

    def get_content_maintype(self) -> str:
        return self.get_content_type().partition("/")[0]


def parse_report(octets: bytes) -> ReadReport | None:
    """What the report says, or None."""
    try:
        message = message_from_bytes(octets[:LARGEST], _class=_Entity)
        parts = [part for part in message.walk() if isinstance(part, _Entity)]
    except (RecursionError, ValueError, LookupError):
        return None
    text = next((_text(part) for part in parts if part.true_type == "text/plain"), "")
    status = next((part for part in parts if part.true_type.endswith("delivery-status")), None)
    first, groups = _groups(_octets(status)) if status is not None else ({}, [])
    recipients = tuple(filter(None, map(_recipient, groups[:MOST_RECIPIENTS])))
    is_standard = bool(recipients)
    if not recipients and (status is not None or looks_like_a_bounce(_header(message))):
        recipients = guess_recipients(_header(message), text)
    if not recipients:
        return None
    original = _original(parts)
    return ReadReport(
        recipients=recipients,
        is_standard=is_standard,
        reporting_mta=_without_type(first.get("reporting-mta")),
        envelope_id=first.get("original-envelope-id"),
        arrived=first.get("arrival-date"),
        received_from=_without_type(first.get("received-from-mta")),
        original_message_id=original.get("message-id"),
        original_subject=original.get("subject"),
        text=text[:_TEXT],
    )


def _recipient(fields: Mapping[str, str]) -> ReadRecipient | None:
    """A group of fields about a recipient, or None when it names nobody. RFC 3464 §2.3."""
    final, original = fields.get("final-recipient"), fields.get("original-recipient")
    if not final and not original:
        return None
    diagnostic_type, diagnostic = _typed(fields.get("diagnostic-code"))
    status = read_status(fields.get("status", "")) or read_status(diagnostic or "")
    return ReadRecipient(
        address=_address(final or original or ""),
        original=_address(original) if original else None,
        action=read_action(fields.get("action", ""), status),
        status=status,
        remote_mta=_without_type(fields.get("remote-mta")),
        diagnostic=diagnostic,
        diagnostic_type=diagnostic_type,
        last_attempt=fields.get("last-attempt-date"),
        will_retry_until=fields.get("will-retry-until"),
    )


def _groups(octets: bytes) -> tuple[Mapping[str, str], list[Mapping[str, str]]]:
    """The fields about the message, and those about each recipient. RFC 3464 §2.1.

    Some servers part the groups by more than one empty line, and some begin with recipients.
    """
    text = _decoded(octets, None).replace("\r\n", "\n").replace("\r", "\n")
    blocks = (dict(_fields(block)) for block in re.split(r"\n[ \t]*\n", text))
    groups: list[Mapping[str, str]] = [fields for fields in blocks if fields]
    first: Mapping[str, str] = {}
    if groups and not {"final-recipient", "original-recipient"} & groups[0].keys():
        first, *groups = groups
    return first, groups


def _fields(block: str) -> Iterator[tuple[str, str]]:
    """Names in lower case and unfolded values; the first of a name counts."""
    seen = set[str]()
    for line in re.sub(r"\n[ \t]+", " ", block).split("\n"):
        found = _FIELD.fullmatch(line)
        if found is not None and (name := found[1].lower()) not in seen:
            seen.add(name)
            yield name, fit(found[2])


def _typed(value: str | None) -> tuple[str | None, str | None]:
    """`smtp; 550 5.1.1 …` in two. RFC 3464 §2.1.2."""
    if not value:
        return None, None
    before, semicolon, after = value.partition(";")
    if not semicolon or " " in before.strip():
        return None, value
    return before.strip().lower(), after.strip()


def _without_type(value: str | None) -> str | None:
    return _typed(value)[1] or None


def _address(value: str) -> str:
    """The address, RFC 6533 §3 forms decoded; some servers put brackets around it."""
    kind, text = _typed(value)
    if kind == "utf-8":
        text = _EMBEDDED.sub(_character, text or "")
    return fit((text or value).strip().removeprefix("<").removesuffix(">"))


def _character(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\N{REPLACEMENT CHARACTER}"


def _original(parts: Sequence[_Entity]) -> Mapping[str, str]:
    """The header of the message that the report is about."""
    for part in parts[1:]:
        if part.true_type == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                return _header(inner[0])
        elif part.true_type in ("text/rfc822-headers", "text/rfc822", "message/global", "message/global-headers"):
            text = _decoded(_octets(part), None).replace("\r\n", "\n")
            return dict(_fields(text.partition("\n\n")[0]))
    return {}


def _header(message: Message) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in message.raw_items():
        text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        found.setdefault(name.lower(), fit(text))
    return found


def _octets(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    return _decoded(_octets(part), part.get_content_charset()).replace("\r\n", "\n").replace("\r", "\n")


def _decoded(octets: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8"):
        try:
            return octets.decode(name or "utf-8")
        except (LookupError, ValueError):
            continue
    return octets.decode("latin-1")
