"""What a milter may do and wants to hear: our offer, and what became of it. libmilter, smfi_register, mfdef.h."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntFlag
from types import MappingProxyType
from typing import Final

from heloise.filters.milter.packets import (
    AddHeader,
    AddRcpt,
    BodyChunk,
    ChangeFrom,
    ChangeHeader,
    DeleteRcpt,
    InsertHeader,
    MilterProtocolError,
    Modification,
    Negotiated,
    Quarantine,
    Step,
    negotiate,
)

VERSION: Final = 6
OLDEST: Final = 2


class Actions(IntFlag):
    """What a milter may do to a message (SMFIF_*)."""

    ADD_HEADERS = 0x01
    CHANGE_BODY = 0x02
    ADD_RCPT = 0x04
    DELETE_RCPT = 0x08
    CHANGE_HEADERS = 0x10
    QUARANTINE = 0x20
    CHANGE_FROM = 0x40
    ADD_RCPT_WITH_ARGUMENTS = 0x80
    CHOOSE_MACROS = 0x100


class Steps(IntFlag):
    """What need not be said to it (NO_*), what it does not answer (NR_*), and what it can do besides (SMFIP_*)."""

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RCPT = 0x08
    NO_BODY = 0x10
    NO_HEADERS = 0x20
    NO_END_OF_HEADER = 0x40
    NR_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REFUSED_RCPT = 0x800  # recipients that are refused are told as well
    NR_CONNECT = 0x1000
    NR_HELO = 0x2000
    NR_MAIL = 0x4000
    NR_RCPT = 0x8000
    NR_DATA = 0x10000
    NR_UNKNOWN = 0x20000
    NR_END_OF_HEADER = 0x40000
    NR_BODY = 0x80000
    LEADING_SPACE = 0x100000  # values of header fields with the blank behind the colon


class MacroStage(Enum):
    """When macros are told, by number (SMFIM_*)."""

    CONNECT = 0
    HELO = 1
    MAIL = 2
    RCPT = 3
    DATA = 4
    END_OF_MESSAGE = 5
    END_OF_HEADER = 6


_ALL_ACTIONS: Final = Actions(sum(Actions))
_ALL_STEPS: Final = Steps(sum(Steps))
_NO_STEPS: Final = Steps(0)

_UNWANTED: Final[Mapping[Step, Steps]] = {
    Step.CONNECT: Steps.NO_CONNECT,
    Step.HELO: Steps.NO_HELO,
    Step.MAIL: Steps.NO_MAIL,
    Step.RCPT: Steps.NO_RCPT,
    Step.DATA: Steps.NO_DATA,
    Step.HEADER: Steps.NO_HEADERS,
    Step.END_OF_HEADER: Steps.NO_END_OF_HEADER,
    Step.BODY: Steps.NO_BODY,
    Step.UNKNOWN: Steps.NO_UNKNOWN,
}
_UNANSWERED: Final[Mapping[Step, Steps]] = {
    Step.CONNECT: Steps.NR_CONNECT,
    Step.HELO: Steps.NR_HELO,
    Step.MAIL: Steps.NR_MAIL,
    Step.RCPT: Steps.NR_RCPT,
    Step.DATA: Steps.NR_DATA,
    Step.HEADER: Steps.NR_HEADER,
    Step.END_OF_HEADER: Steps.NR_END_OF_HEADER,
    Step.BODY: Steps.NR_BODY,
    Step.UNKNOWN: Steps.NR_UNKNOWN,
}
_SINCE: Final[Mapping[Step, int]] = {Step.UNKNOWN: 3, Step.DATA: 4}  # versions

_NEEDS: Final[Mapping[type[Modification], Actions]] = {
    AddHeader: Actions.ADD_HEADERS,
    InsertHeader: Actions.ADD_HEADERS,
    ChangeHeader: Actions.CHANGE_HEADERS,
    ChangeFrom: Actions.CHANGE_FROM,
    AddRcpt: Actions.ADD_RCPT | Actions.ADD_RCPT_WITH_ARGUMENTS,
    DeleteRcpt: Actions.DELETE_RCPT,
    BodyChunk: Actions.CHANGE_BODY,
    Quarantine: Actions.QUARANTINE,
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """What holds for one connection. `macros` are the names it asked for, by stage; for others it gets ours."""

    version: int = VERSION
    actions: Actions = _ALL_ACTIONS
    steps: Steps = _NO_STEPS
    macros: Mapping[MacroStage, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def wants(self, step: Step) -> bool:
        """Is it to be told?"""
        return not self.steps & _UNWANTED.get(step, _NO_STEPS) and self.version >= _SINCE.get(step, OLDEST)

    def answers(self, step: Step) -> bool:
        """Does it answer?"""
        return not self.steps & _UNANSWERED.get(step, _NO_STEPS)

    def allows(self, modification: Modification) -> bool:
        """Did it say before that it may do that?"""
        return bool(self.actions & _NEEDS[type(modification)])


def offer() -> bytes:
    """What we say first: all that we can do."""
    return negotiate(VERSION, _ALL_ACTIONS, _ALL_STEPS)


def agree(said: Negotiated) -> Agreement:
    """What comes of its answer. Raises MilterProtocolError when it wants what we have not offered."""
    if not OLDEST <= said.version <= VERSION:
        raise MilterProtocolError(f"version {said.version} of the protocol; we speak {OLDEST} to {VERSION}")
    if said.actions & ~int(_ALL_ACTIONS) or said.steps & ~int(_ALL_STEPS):
        raise MilterProtocolError(f"actions {said.actions:#x} and steps {said.steps:#x} were not offered")
    known = {stage.value: stage for stage in MacroStage}
    macros = {known[number]: names for number, names in said.macros if number in known}
    return Agreement(said.version, Actions(said.actions), Steps(said.steps), MappingProxyType(macros))
