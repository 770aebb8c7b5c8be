"""Mailboxes: into which ones a caught message falls, by its recipients or by a field of its header. Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from heloise.inbox.message import CaughtMessage


class By(Enum):
    """What of a recipient names the mailbox."""

    ADDRESS = "address"
    USER = "user"  # the local part, without its tag
    DOMAIN = "domain"
    TAG = "tag"  # what follows + in the local part; recipients without one have no such mailbox
    HEADER = "header"  # no recipient, but a field such as X-Environment


@dataclass(frozen=True, slots=True)
class Grouping:
    """One way to make mailboxes; `field` is the name of the field for By.HEADER. Names are in lower case."""

    by: By = By.ADDRESS
    field: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`address`, `user`, `domain`, `tag` or `header:X-Environment`. Raises ValueError."""
        name, colon, field = text.partition(":")
        known = ", ".join(each.value for each in By)
        if name not in {each.value for each in By} or (name == By.HEADER.value) != bool(colon and field.strip()):
            raise ValueError(f'"{text}" names no mailboxes; there are: {known}:Name-Of-Field')
        return cls(By(name), field.strip())

    def names(self, message: CaughtMessage) -> tuple[str, ...]:
        """The mailboxes of a message, each once."""
        if self.by is By.HEADER:
            value = message.header(self.field).strip().lower()
            return (value,) if value else ()
        names = [self._name(each.lower()) for each in message.recipients]
        return tuple(dict.fromkeys(name for name in names if name))

    def _name(self, address: str) -> str:
        local_part, _, domain = address.rpartition("@")
        user, _, tag = (local_part or domain).partition("+")
        match self.by:
            case By.USER:
                return user
            case By.DOMAIN:
                return domain if local_part else ""
            case By.TAG:
                return tag
            case _:
                return address


BY_ADDRESS = Grouping()
