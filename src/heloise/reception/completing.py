"""What a submission server puts right in a message of its own users. RFC 6409 §8; pure, but for the deposit.

A header without Date, Message-ID or From gets them; one with several authors and no Sender gets that; addresses without
a domain get ours. Nothing else is touched, and a message that has all is stored octet for octet as it came.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heloise.mail.content import ContentFacts
from heloise.mail.path import ReversePath
from heloise.mail.sink import Companion, Deposit, SinkAnswer, written
from heloise.mail.trace import mail_date
from heloise.policy.fields import Field, read_fields, write_field

LONGEST_HEADER = 256 << 10  # octets; a longer header is left as it is
_ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-to", "resent-cc"})
# Quoted strings and comments are passed over whole; what stands in angle brackets, and bare words, are looked at.
_PARTS = re.compile(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)|<[^<>]*>|[^\s",;:<>()]+|\s+|.', re.DOTALL)
_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What is put in: `domain` behind names without one, `now` (seconds since the epoch), an id, and who sends."""

    domain: str
    now: float
    message_id: str
    reverse_path: ReversePath


def complete(header: bytes, completion: Completion) -> bytes:
    """The header with all that belongs into it."""
    fields = [_qualified(each, completion.domain) for each in read_fields(header)]
    names = {each.name.lower() for each in fields}
    added = []
    if "date" not in names:
        added.append(write_field("Date", mail_date(completion.now)))  # RFC 6409 §8.2
    if "message-id" not in names:
        added.append(write_field("Message-ID", f"<{completion.message_id}@{completion.domain}>"))  # §8.3
    mailbox = completion.reverse_path.mailbox
    if mailbox is not None and mailbox.is_ascii:
        if "from" not in names:
            added.append(write_field("From", f"<{mailbox}>"))
        elif "sender" not in names and _has_several_authors(fields):
            added.append(write_field("Sender", f"<{mailbox}>"))  # §8.1, RFC 5322 §3.6.2
    octets = b"".join([each.octets for each in fields])
    if added and octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    return octets + b"".join(added)


def _has_several_authors(fields: Sequence[Field]) -> bool:
    authors = next((each.text for each in fields if each.is_named("From")), "")
    return any(part == "," for part in _PARTS.findall(authors))


def _qualified(field: Field, domain: str) -> Field:
    """§8.4 (and RFC 5321 §2.3.5): a name without a domain means one of ours."""
    if field.name.lower() not in _ADDRESSES or not field.octets.isascii():
        return field
    value = field.value.decode("ascii")
    completed = "".join(_qualified_parts(value, domain))
    if completed == value:
        return field
    end = field.octets[len(field.octets.rstrip(b"\r\n")) :]
    return replace(field, octets=field.octets.partition(b":")[0] + b":" + completed.rstrip("\r\n").encode() + end)


def _qualified_parts(value: str, domain: str) -> list[str]:
    parts = _PARTS.findall(value)
    for index, part in enumerate(parts):
        if part.startswith("<") and _ATOM.fullmatch(part[1:-1]):
            parts[index] = f"<{part[1:-1]}@{domain}>"
        elif _ATOM.fullmatch(part) and _is_alone(parts, index):
            parts[index] = f"{part}@{domain}"
    return parts


def _is_alone(parts: Sequence[str], index: int) -> bool:
    """Nothing but blanks and comments between it and the commas around it: so it is an address, and no name of one."""
    return _ends(parts[:index][::-1]) in ("", ",", ":") and _ends(parts[index + 1 :]) in ("", ",", ";")


def _ends(parts: Sequence[str]) -> str:
    return next((part for part in parts if part.strip() and not part.startswith("(")), "")


class CompletingDeposit:
    """A deposit that completes the header before it reaches another one; see `heloise.mail.sink.Deposit`."""

    def __init__(self, deposit: Deposit, completion: Completion) -> None:
        self._deposit = deposit
        self._completion = completion
        self._beginning: list[bytes] = []
        self._size = 0
        self._grown = 0
        self._is_done = False

    async def write(self, octets: bytes) -> None:
        """Hold back the header until it is whole; the rest goes on at once."""
        if self._is_done:
            await written(self._deposit, octets)
            return
        self._beginning.append(octets)
        self._size += len(octets)
        beginning = b"".join(self._beginning)
        end = beginning.find(b"\r\n\r\n")
        if end >= 0 or self._size > LONGEST_HEADER:
            await self._pass_on(beginning, end + 2 if end >= 0 else 0)
        else:
            self._beginning = [beginning]

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        """As the other one, with the size that it is now."""
        if not self._is_done:
            beginning = b"".join(self._beginning)
            await self._pass_on(beginning, len(beginning))
        return await self._deposit.commit(replace(facts, size=facts.size + self._grown), companions)

    async def abort(self) -> None:
        """Forget it."""
        self._beginning.clear()
        await self._deposit.abort()

    async def _pass_on(self, beginning: bytes, end: int) -> None:
        self._is_done = True
        self._beginning.clear()
        header = complete(beginning[:end], self._completion) if end else b""
        self._grown = len(header) - end
        await written(self._deposit, header + beginning[end:])
