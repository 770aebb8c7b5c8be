"""Why a reply was given: the noun that makes heloise explain itself.

A `CauseKind` is an entry of the catalogue (`heloise.mail.causes`): a stable id, the clause of the RFC, what it means
and what to do. A `Cause` is one such kind at work: with the rule in the configuration that decided, and the values
the rule looked at. On the wire a reply stays short; log, transcript, `heloise explain` tell the cause in full.
"""

import re
from dataclasses import dataclass

_ID = re.compile(r"[a-z0-9-]+\.[a-z0-9.-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """Where in the configuration the deciding rule stands."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseKind:
    """A reason there can be for a reply. The id never changes once released."""

    id: str
    clause: str
    meaning: str
    advice: str

    def __post_init__(self) -> None:
        if _ID.fullmatch(self.id) is None:
            raise ValueError(f"a cause id looks like size.over-limit, not {self.id!r}")

    def because(self, rule: Rule | None = None, **inputs: object) -> "Cause":
        """This kind, with the rule that decided and the values it looked at."""
        return Cause(kind=self, rule=rule, inputs=tuple([(name, str(value)) for name, value in inputs.items()]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The reason of one reply."""

    kind: CauseKind
    rule: Rule | None = None
    inputs: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """The stable id, such as `size.over-limit`."""
        return self.kind.id

    @property
    def clause(self) -> str:
        """The clause of the RFC, such as `RFC 1870 §6.1`."""
        return self.kind.clause

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.inputs)
        rule = f" [{self.rule}]" if self.rule else ""
        return f"{self.id}{rule}" + (f" ({values})" if values else "")
