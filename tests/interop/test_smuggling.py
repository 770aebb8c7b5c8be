"""No end of data but CRLF . CRLF: not at heloise, nor at the servers behind it, whatever they think. RFC 5321 §4.1.1.4.

The servers run with the settings they come with, some of which let a second message be smuggled in on purpose here.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.interop.house import House, house
from tests.interop.nexthops import Mta, every_mta, route_to
from tests.interop.smuggling import ENDINGS, Carrier, carriers, send
from tests.peers import Postfix, Sendmail

pytestmark = [pytest.mark.interop, pytest.mark.slow]

NORMALIZE = '[[network]]\nnetworks = ["127.0.0.0/8"]\nline_endings = "normalize"\n'
TAKEN, REFUSED = 250, 554


def subjects(octets: list[bytes]) -> list[str]:
    return sorted(str(message_from_bytes(each, policy=policy.default)["Subject"]) for each in octets)


def body(octets: bytes) -> bytes:
    found = message_from_bytes(octets).get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def due(carrier: Carrier, *, mends: bool) -> int:
    """What heloise says at the end."""
    fits = carrier.is_clean() or carrier.binary or (mends and carrier.is_mendable())
    return TAKEN if fits else REFUSED


def send_all(heloise: House, *, mends: bool) -> list[Carrier]:
    """Send every carrier; those that were taken. Behind the end there is NOOP and nothing else."""
    taken = []
    for carrier in carriers():
        codes = send(heloise.port, carrier)
        before = 2 if carrier.bdat else 3
        assert codes[before:] == [due(carrier, mends=mends), 250], (carrier.name, codes)
        if codes[before] == TAKEN:
            taken.append(carrier)
    return taken


@every_mta
@pytest.mark.parametrize("mends", [False, True], ids=["strict", "normalize"])
def test_nothing_is_smuggled_through_heloise(mta: type[Mta], mends: bool, tmp_path: Path) -> None:
    with (
        mta(local_domains=["there.test"]) as peer,
        house(tmp_path, routes=route_to(peer), extra=NORMALIZE if mends else "") as heloise,
    ):
        taken = send_all(heloise, mends=mends)
        # sendmail refuses a NUL (554 5.6.1), which is a carrier less and nothing smuggled.
        passed = [carrier for carrier in taken if mta is not Sendmail or b"\0" not in carrier.octets]
        arrived = peer.mailboxes.wait_for_messages("bob", len(passed), timeout=60)
        peer.wait_for_queue(0)
        assert subjects(peer.mailboxes.messages("bob")) == sorted(f"carrier {carrier.name}" for carrier in passed)
        # What was not the end is in the message still (binary content encoded), and in no message of its own.
        assert all(b"Subject: smuggled" in body(each) for each in arrived)
        assert peer.mailboxes.messages("carol") == []


def test_stock_postfix_takes_bare_lf_for_an_end_so_the_test_above_can_fail() -> None:
    with Postfix(local_domains=["there.test"]) as postfix:
        for name in ("LF.LF", "LF.CRLF", "CRLF.LF"):
            carrier = next(each for each in carriers() if each.name == name)
            assert len(send(postfix.port, carrier)) > 5
        smuggled = postfix.mailboxes.wait_for_messages("carol", 3)
        assert subjects(smuggled) == ["smuggled"] * 3


def test_what_is_mended_is_told_in_the_trace(tmp_path: Path) -> None:
    with house(tmp_path, extra=NORMALIZE) as heloise:
        carrier = Carrier("LF", b"Subject: old\n\nHello\n.\nthere\r\n")
        assert send(heloise.port, carrier, recipient="alice@here.test")[3] == TAKEN
        [letter] = heloise.letters()
        assert letter.octets == b"Subject: old\r\n\r\nHello\r\n.\r\nthere\r\n"
        request = {"do": "find", "sender": None, "recipient": "alice@here.test", "limit": 2}
        [found] = heloise.server.control(request)["ok"]["timelines"]
        [event] = [each for each in found["events"] if each["event"] == "accepted"]
        assert event["mended"] == 4


def test_every_ending_has_a_name() -> None:
    assert len(set(ENDINGS.values())) == len(ENDINGS)
