"""The whole server engine: no octets, no answers and no cuts break it or its books. RFC 5321 §4."""

from tests.fuzz.serving import Served, Serving, serve
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import ADDRESSES, COMMANDS, LINE_ENDS, PARAMETERS


def _outcome(served: Served) -> tuple[object, ...]:
    return served.log, served.sent, served.ledger.lines, served.ledger.due


def run(octets: bytes) -> None:
    """Settings: lmtp, small limits, how it ends; what is permitted; the answers; the cuts."""
    supply = Supply(octets)
    flags = supply.octet()
    serving = Serving(
        lmtp=bool(flags & 1),
        small=bool(flags & 2),
        times_out=bool(flags & 4),
        permitted_seed=supply.octet(),
        answer_seed=supply.octet(),
    )
    cuts = supply.octet()
    stream = supply.rest()
    whole = _outcome(serve(pieces(stream, 0), serving))
    # What comes behind a verb that changes the connection is refused when it is there already (RFC 2645 §5.3, RFC 3207
    # §6): there it is meant to make a difference.
    changes = any(verb in stream.upper() for verb in (b"ATRN", b"STARTTLS"))
    for seed in {1, cuts} - {0}:
        assert _outcome(serve(pieces(stream, seed), serving)) == whole or changes, "the cuts make a difference"


TARGET = Target(run=run, tokens=(*COMMANDS, *PARAMETERS, *ADDRESSES, *LINE_ENDS), settings=4)
