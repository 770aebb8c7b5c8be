"""What may be changed about a message before anybody is responsible for it: values, applied in their order.

Changes of the header may be wished for at any stage; those of body and envelope at MESSAGE only, and nowhere else are
they looked at.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from heloise.mail.envelope import NO_PARAMETERS, Parameters
from heloise.mail.path import ForwardPath, ReversePath

_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 §2.2


@dataclass(frozen=True, slots=True)
class AddField:
    """One more field, at the end of the header."""

    name: str
    value: str

    def __post_init__(self) -> None:
        _check_name(self.name)


@dataclass(frozen=True, slots=True)
class InsertField:
    """One more field before the one that stands at `index` now, counted from 0. Our own trace stays above all."""

    index: int
    name: str
    value: str

    def __post_init__(self) -> None:
        _check_name(self.name)


@dataclass(frozen=True, slots=True)
class ChangeField:
    """Another value for the `occurrence`th field of this name, counted from 1; None takes the field away."""

    name: str
    occurrence: int
    value: str | None

    def __post_init__(self) -> None:
        _check_name(self.name)


@dataclass(frozen=True, slots=True)
class ReplaceBody:
    """All that comes after the empty line."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class AddRecipient:
    """One more recipient; taken wherever it is, as if a client that may relay had named it."""

    forward_path: ForwardPath
    parameters: Parameters = NO_PARAMETERS


@dataclass(frozen=True, slots=True)
class RemoveRecipient:
    """One less, under the name that the client gave. When none is left the message is taken and thrown away."""

    forward_path: ForwardPath


@dataclass(frozen=True, slots=True)
class ChangeSender:
    """Another reverse path; the parameters of MAIL stay when None."""

    reverse_path: ReversePath
    parameters: Parameters | None = None


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not the name of a header field: {name!r}")


Change: TypeAlias = AddField | InsertField | ChangeField | ReplaceBody | AddRecipient | RemoveRecipient | ChangeSender
Changes: TypeAlias = tuple[Change, ...]

NO_CHANGES: Changes = ()
