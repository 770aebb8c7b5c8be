"""The states of a session as a picture: where each stands, and what leads from one to another. Pure.

The arrows are those of the state table, and those that the engine takes by itself (`CAUSED`: a greeting, a final reply,
a handshake). The drawing for terminals is checked against them by a test; pages draw theirs from `arrows`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heloise.smtp.states import ServerState, Transitions

S = ServerState

# Taken without a row of the table: (from, to) → by what.
CAUSED: Mapping[tuple[ServerState, ServerState], str] = MappingProxyType(
    {
        (S.CONNECTED, S.GREETED): "220",
        (S.CONNECTED, S.REFUSED): "554",
        (S.MAIL, S.NO_RECIPIENT): "RCPT refused",
        (S.TEXT, S.READY): "final reply",
        (S.TEXT, S.SPENT): "final reply after ONEX",
        (S.CHUNKS, S.READY): "final reply",
        (S.CHUNKS, S.CHUNKS_FAILED): "BDAT refused",
        (S.RECIPIENTS, S.CHUNKS_FAILED): "BDAT refused",
        (S.AUTHENTICATING, S.READY): "235, 4yz, 5yz",
        (S.SECURING, S.GREETED): "handshake",
    }
)

# Those of the table that would be in every picture: they lead from anywhere to READY or CLOSED.
EVERYWHERE = frozenset({"RSET", "EHLO", "HELO", "LHLO", "QUIT"})

PICTURE = """\
 connected ─220▶ greeted ─EHLO▶ ready ─MAIL▶ mail ─RCPT▶ recipients ─DATA▶ text
     │554           ▲            │            │refused    ▲   │BDAT         │dot
     ▼         securing ◀STARTTLS┤            ▼           │   ▼             ▼
  refused   authenticating ◀AUTH─┤      no recipient ─RCPT┘ chunks ─LAST▶ ready
                                 └ATRN▶ turned                │refused        ▲
 RSET and EHLO lead to ready, QUIT and 421 to closed;       chunks failed─RSET┘
 after ONEX a message leads to spent.
"""
STRIP = (S.CONNECTED, S.GREETED, S.READY, S.MAIL, S.RECIPIENTS, S.TEXT)
"""The way of a message."""

ASIDE: Mapping[ServerState, ServerState] = MappingProxyType(
    {
        S.REFUSED: S.CONNECTED,
        S.SECURING: S.READY,
        S.AUTHENTICATING: S.READY,
        S.TURNED: S.READY,
        S.NO_RECIPIENT: S.MAIL,
        S.CHUNKS: S.RECIPIENTS,
        S.CHUNKS_FAILED: S.RECIPIENTS,
        S.SPENT: S.TEXT,
        S.CLOSED: S.TEXT,
    }
)
"""Where a state branches off from that way."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one state to another, by commands or by what happens."""

    start: ServerState
    end: ServerState
    label: str


def arrows(transitions: Transitions) -> tuple[Arrow, ...]:
    """All of them but those that lead from everywhere; commands that lead the same way share one."""
    by_way: dict[tuple[ServerState, ServerState], list[str]] = {}
    for (start, verb), end in transitions.items():
        if start is not end and (verb not in EVERYWHERE or _is_drawn(start, verb)):
            by_way.setdefault((start, end), []).append(verb)
    for way, cause in CAUSED.items():
        by_way.setdefault(way, []).append(cause)
    return tuple(Arrow(start, end, _label(causes)) for (start, end), causes in by_way.items())


def _is_drawn(start: ServerState, verb: str) -> bool:
    """The ways on which a newcomer meets these commands."""
    return (start is S.GREETED and verb == "EHLO") or (start is S.CHUNKS_FAILED and verb == "RSET")


def _label(causes: list[str]) -> str:
    return ", ".join(causes)


def places(state: ServerState) -> Iterator[tuple[int, int]]:
    """Where the name of the state stands in `PICTURE`: offsets from and to."""
    name, at = state.value, 0
    while (at := PICTURE.find(name, at)) >= 0:
        end = at + len(name)
        longer = state is S.CHUNKS and PICTURE.startswith(S.CHUNKS_FAILED.value, at)
        word = not PICTURE[at - 1].isalpha() and not PICTURE[end].isalpha()
        if word and not longer:
            yield at, end
        at = end
