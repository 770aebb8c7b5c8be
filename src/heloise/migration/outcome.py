"""What became of each line: the report of an import."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from heloise.mail.cause import Rule


class Became(Enum):
    """What a line of the old configuration became."""

    MAPPED = "mapped"
    PARTLY = "partly mapped"
    SAME = "done anyway"  # heloise does so without being told
    DEFAULT = "default"  # Postfix would do so without the line
    NOT_NEEDED = "not needed"  # about Postfix itself
    NOT_MAPPED = "not mapped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`what` is a parameter, a service, a restriction or an entry of a table; `text` says what it became, or why."""

    place: Rule
    what: str
    became: Became
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.became.value}: {self.text}"


@dataclass(frozen=True, slots=True)
class Import:
    """The new configuration as TOML, what became of each line in the order of the files, and files to be written beside
    it: name → text, or None for one that an operator has to fill."""

    toml: str
    outcomes: Sequence[Outcome]
    beside: dict[str, str]

    def count(self, became: Became) -> int:
        """How many lines became so."""
        return sum(each.became is became for each in self.outcomes)
