"""A message as it was caught, how its header reads, and what readers have noted on it."""

from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from functools import cached_property
from weakref import ReferenceType, ref

from heloise.inbox.digest import Digest, make_digest, searchable
from heloise.inbox.header import field as field_of
from heloise.inbox.parts import Part, read_parts
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.trace import Origin


@dataclass(slots=True)
class Marks:
    """What readers note: whether it was read, and tags."""

    is_read: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaughtMessage:
    """`octets` with our trace field on top."""

    message_id: MessageId
    envelope: Envelope
    origin: Origin
    octets: bytes
    facts: ContentFacts
    marks: Marks = field(default_factory=Marks, compare=False)
    _parsed: list["ReferenceType[EmailMessage]"] = field(default_factory=list, init=False, repr=False, compare=False)

    @cached_property
    def sender(self) -> str:
        """The reverse path without brackets; "" for a report."""
        return str(self.envelope.reverse_path).strip("<>")

    @cached_property
    def recipients(self) -> tuple[str, ...]:
        """The forward paths without brackets."""
        return tuple(str(each.forward_path).strip("<>") for each in self.envelope.recipients)

    @cached_property
    def addressed(self) -> bytes:
        """Its envelope, in the form in which it is searched."""
        return searchable(" ".join((self.sender, *self.recipients)))

    @cached_property
    def digest(self) -> Digest:
        """What is known of it without reading it again."""
        return make_digest(self.octets)

    @property
    def parts(self) -> Part:
        """Its parts, read anew."""
        return read_parts(self.octets)

    @property
    def content(self) -> EmailMessage:
        """Header and parts, as the standard library reads them. Not to be changed. Not kept: it needs several times
        the memory of the octets."""
        parsed = self._parsed[0]() if self._parsed else None
        if parsed is None:
            parsed = BytesParser(policy=policy.default).parsebytes(self.octets)
            self._parsed[:] = [ref(parsed)]
        return parsed

    @property
    def subject(self) -> str:
        """Decoded; "" when there is none."""
        return self.digest.subject

    def header(self, name: str) -> str:
        """A field of the header, decoded; "" when there is none. What can not be decoded is given as it stands."""
        return field_of(self.parts.fields, name) or ""

    @property
    def text(self) -> str:
        """All text in its parts, decoded; octets of another sort are left out."""
        leaves = [part for part in self.parts.walk() if not part.is_multipart]
        return "\n".join(part.text(self.octets) for part in leaves if part.content_type.startswith("text/"))
