"""A message as it was caught, and how its header reads."""

from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.trace import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtMessage:
    """`octets` with our trace field on top."""

    message_id: MessageId
    envelope: Envelope
    origin: Origin
    octets: bytes
    facts: ContentFacts
    _parsed: list[EmailMessage] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def sender(self) -> str:
        """The reverse path without brackets; "" for a report."""
        return str(self.envelope.reverse_path).strip("<>")

    @property
    def recipients(self) -> tuple[str, ...]:
        """The forward paths without brackets."""
        return tuple(str(each.forward_path).strip("<>") for each in self.envelope.recipients)

    @property
    def content(self) -> EmailMessage:
        """Header and parts, as the standard library reads them. Not to be changed. Read when first asked for."""
        if not self._parsed:
            self._parsed.append(BytesParser(policy=policy.default).parsebytes(self.octets))
        return self._parsed[0]

    @property
    def subject(self) -> str:
        """Decoded; "" when there is none, or none that can be read."""
        return self.header("Subject")

    def header(self, name: str) -> str:
        """A field of the header, decoded; "" when there is none. What can not be decoded is given as it stands."""
        try:
            return str(self.content.get(name, ""))
        except (ValueError, LookupError, IndexError, AttributeError):
            # The library stumbles over some fields that are no longer mail; a caught message may be anything.
            raw = [value for key, value in self.content.raw_items() if key.lower() == name.lower()]
            return raw[0] if raw else ""

    @property
    def text(self) -> str:
        """All text in its parts, decoded; octets of another sort are left out."""
        parts = []
        for part in self.content.walk():
            if part.get_content_maintype() == "text":
                octets = part.get_payload(decode=True)
                if isinstance(octets, bytes):
                    parts.append(_decoded(octets, part.get_content_charset()))
        return "\n".join(parts)


def _decoded(octets: bytes, charset: str | None) -> str:
    try:
        return octets.decode(charset or "utf-8", "replace")
    except LookupError:
        return octets.decode("latin-1")
