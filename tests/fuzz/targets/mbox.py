"""An mbox read in pieces: the cuts make no difference, and what we write of its messages reads the same again."""

from heloise.inbox.archive import Found, MboxReader, as_caught, mbox_entry
from heloise.mail.ids import MessageId
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import HEADERS, LINE_ENDS

TOKENS = (b"From a@b Sat Nov 28 10:00:00 2026\n", b"From ", b"\nFrom ", b">From ", b">>From ", b"\n\n", b"\r\n")


def read(content: bytes, seed: int) -> list[Found] | None:
    """None for what is no mbox."""
    reader = MboxReader()
    try:
        found = [each for piece in pieces(content, seed) for each in reader.feed(piece)]
        return [*found, *reader.close()]
    except ValueError:
        return None


def run(octets: bytes) -> None:
    """Settings: the cuts."""
    supply = Supply(octets)
    cuts = supply.octet()
    content = supply.rest()
    found = read(content, 0)
    assert found == read(content, cuts)
    for each in found or ():
        message = as_caught(each, now=1e9, message_id=MessageId("M"))
        again = read(mbox_entry(message), cuts)
        assert again is not None
        assert [one.octets for one in again] == [each.octets or b"\r\n"]


TARGET = Target(run=run, tokens=(*TOKENS, *HEADERS, *LINE_ENDS), settings=1)
