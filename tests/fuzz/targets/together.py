"""Both engines, talking to each other: any messages, any answers, any cuts. RFC 5321 §3."""

from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.path import ForwardPath, ReversePath
from tests.fuzz.asking import MESSAGES, Asking, Letter
from tests.fuzz.serving import Serving
from tests.fuzz.supply import WIDTHS, Supply
from tests.fuzz.targets import Target
from tests.fuzz.tokens import ADDRESSES, LINE_ENDS
from tests.smtp.meeting import check_that_both_mean_the_same, meet


def _letter(supply: Supply) -> Letter:
    envelope, content = supply.choice(MESSAGES)
    if supply.flag():
        content = supply.octets(200)
    try:
        path = ReversePath.parse(b"<" + supply.octets(40) + b">")
        recipients = [Recipient(ForwardPath.parse(b"<" + supply.octets(40) + b">")) for _ in range(supply.number(3))]
    except ValueError:
        return envelope, content
    return Envelope(reverse_path=path, parameters=Parameters(), recipients=(*recipients, *envelope.recipients)), content


def run(octets: bytes) -> None:
    """Settings: the protocol and the client's options, what is permitted, answers, cuts; then messages."""
    supply = Supply(octets)
    flags = supply.octet()
    serving = Serving(lmtp=bool(flags & 1), permitted_seed=supply.octet())
    verdicts = [max(0, supply.octet() % 8 - 4) for _ in range(1 + supply.number(6))]
    widths = [supply.choice(WIDTHS) for _ in range(4)]
    asking = Asking(
        lmtp=serving.lmtp,
        start_with_helo=bool(flags & 2),
        verbose=bool(flags & 4),
        only_transaction=bool(flags & 8),
        chunking=bool(flags & 16),
        width=1000 if flags & 64 else 7,
        messages=tuple(_letter(supply) for _ in range(1 + supply.number(3))),
    )
    helo_only = bool(flags & 32)
    whole = meet(serving, asking, verdicts=verdicts, helo_only=helo_only)
    check_that_both_mean_the_same(whole, asking.messages)
    cut = meet(serving, asking, verdicts=verdicts, helo_only=helo_only, to_server=widths[:2], to_client=widths[2:])
    assert cut.outcome == whole.outcome, "the cuts make a difference"


TARGET = Target(run=run, tokens=(*ADDRESSES, *LINE_ENDS), settings=12)
