"""What a client has done against a rule: a noun of the lint."""

from dataclasses import dataclass

from heloise.mail.cause import CauseKind
from heloise.mail.reply import printable

SHOWN = 200  # octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One violation: its kind with the clause, the octets it was seen in (as many as are shown), and its place.

    `command` counts the commands of the session from 1, so that it is found in a transcript.
    """

    kind: CauseKind
    octets: bytes
    command: int
    session: str = ""

    def __post_init__(self) -> None:
        if len(self.octets) > SHOWN:
            object.__setattr__(self, "octets", self.octets[:SHOWN])

    def __str__(self) -> str:
        shown = printable(repr(self.octets)[1:], 2 * SHOWN)
        return f"{self.kind.id}, {self.kind.clause}, command {self.command}: {self.kind.meaning} {shown}"
