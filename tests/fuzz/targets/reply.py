"""ReplyReader: replies or RemoteProtocolError, whatever comes and however it is cut; what is read can be said again."""

from heloise.mail.reply import Reply
from heloise.smtp.errors import RemoteProtocolError
from heloise.smtp.reply_reader import MAXIMUM_LINE, ReplyReader
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import DIGITS, LINE_ENDS, REPLIES


def read(octets: bytes, cuts: int, *, after_hello: bool) -> list[Reply | str]:
    """The replies; at last the words of the error, if there was one."""
    reader = ReplyReader()
    reader.success_has_status = after_hello
    found: list[Reply | str] = []
    try:
        for piece in pieces(octets, cuts):
            reader.feed(piece)
            found += iter(reader.next_reply, None)
            assert len(reader._octets) - reader._place <= MAXIMUM_LINE
    except RemoteProtocolError as error:
        found.append(str(error))
    return found


def run(octets: bytes) -> None:
    """Settings: before or after hello, the cuts."""
    supply = Supply(octets)
    after_hello, cuts = supply.flag(), supply.octet()
    text = supply.rest()
    replies = read(text, 1, after_hello=after_hello)
    assert read(text, cuts, after_hello=after_hello)[: len(replies)] == replies
    for reply in replies:
        if isinstance(reply, Reply) and len(reply.encode()) < 900:
            assert read(reply.encode(), 0, after_hello=after_hello) == [reply], f"{reply!r} reads back otherwise"


TARGET = Target(run=run, tokens=(*REPLIES, *DIGITS, *LINE_ENDS), settings=2)
