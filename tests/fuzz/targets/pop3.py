"""The POP3 engine: whatever comes, however it is cut, it answers in order, within bounds, and gives no mail unasked."""

from heloise.pop3.maildrop import Entry
from heloise.pop3.session import (
    MOST_ERRORS,
    MOST_UNSENT,
    ContentWanted,
    Ended,
    LoginWanted,
    Pop3Offers,
    Pop3Session,
    RemovalWanted,
    TlsWanted,
)
from tests.fuzz.supply import Supply, pieces
from tests.fuzz.targets import Target
from tests.fuzz.tokens import LINE_ENDS

TOKENS = (
    *(b"USER a\r\n", b"PASS b\r\n", b"APOP a 0123456789abcdef0123456789abcdef\r\n", b"AUTH PLAIN\r\n", b"AGEAYg==\r\n"),
    *(b"AUTH PLAIN AGEAYg==\r\n", b"STLS\r\n", b"CAPA\r\n", b"STAT\r\n", b"LIST\r\n", b"LIST 1\r\n", b"UIDL\r\n"),
    *(b"RETR 1\r\n", b"TOP 2 1\r\n", b"DELE 1\r\n", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n", b"*\r\n", b"="),
)
MESSAGES = {"A": b"Subject: x\r\n\r\n.\r\n..\r\n", "B": b".", "C": b""}


def run(octets: bytes) -> None:
    """Settings: the cuts, and what is offered."""
    supply = Supply(octets)
    cuts, kind = supply.octet(), supply.octet()
    content = supply.rest()
    told = {play(content, seed, kind) for seed in (0, cuts)}
    # What was said behind STLS in the same piece ends the session, and in another piece it is read under TLS.
    assert len(told) == 1 or b"go ahead" in b"".join(told) or b"behind STLS" in b"".join(told)


def play(content: bytes, seed: int, kind: int) -> bytes:
    """What is answered."""
    offers = Pop3Offers(
        hostname="h", tls=bool(kind & 1), in_clear=bool(kind & 2), timestamp="<1@h>" if kind & 4 else ""
    )
    session = Pop3Session(offers)
    told, is_open, ended = bytearray(), False, 0
    for piece in (*pieces(content, seed), b""):
        session.receive_data(piece)
        while (event := session.next_event()) is not None:
            output = session.data_to_send()
            assert len(output) < MOST_UNSENT + 10_000
            told += output
            match event:
                case LoginWanted():
                    assert not is_open
                    is_open = True
                    session.opened([Entry(uid, len(octets)) for uid, octets in MESSAGES.items()])
                case ContentWanted(uid=uid):
                    assert is_open
                    session.content(MESSAGES[uid])
                case RemovalWanted(uids=uids):
                    assert is_open
                    assert len(set(uids)) == len(uids)
                    session.removed(True)
                case TlsWanted():
                    assert not is_open
                    session.secured()
                case Ended():
                    ended += 1
                    break
        told += session.data_to_send()
        if ended:
            break
    assert ended == 1
    assert told.startswith(b"+OK")
    assert told.count(b"-ERR") <= MOST_ERRORS + 2
    return bytes(told)


TARGET = Target(run=run, tokens=(*TOKENS, *LINE_ENDS), settings=2)
