"""Messages for next hops that lack what they need: converted, sent elsewhere, or returned with words."""

from collections.abc import Awaitable, Callable
from email import message_from_bytes

import pytest

from heloise.testing import SimulatedWorld, run_simulated
from tests.delivery.house import House, Peer, open_house, open_peer

ROUTE = "smtp:192.0.2.9:25"
TEXT = "Subject: x\r\n\r\nViele Grüße an alle, die das lesen\r\n".encode()
SIGNED = b"DKIM-Signature: v=1; d=client.test\r\n" + TEXT
SEALED = (
    b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xbc\r\n--b--\r\n"
)
UTF8_HEADER = "Subject: Grüße\r\n\r\nx\r\n".encode()
NOTE = b"X-MIME-Autoconverted: from 8bit to 7bit by mx.example.test id M1\r\n"


def in_a_house(scenario: Callable[[House], Awaitable[None]]) -> None:
    async def run(world: SimulatedWorld) -> None:
        house = await open_house(world)
        await scenario(house)
        await house.stop()

    run_simulated(run, seed=3)


async def two_exchangers(house: House, first: list[str], second: list[str]) -> tuple[Peer, Peer]:
    """The mail exchangers of dom.test, with what they offer, the better one first."""
    zones = house.simulation.zones
    peers = []
    for number, extensions in enumerate((first, second), start=1):
        name = f"mx{number}.test"
        peers.append(await open_peer(house.simulation, name, f"192.0.2.{20 + number}", extensions=extensions))
        zones.add_mail_exchanger("dom.test", number * 10, name)
    return peers[0], peers[1]


def body_of(octets: bytes) -> bytes:
    payload = message_from_bytes(octets).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload


def test_eight_bit_text_is_converted_for_a_host_without_8bitmime() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", extensions=["SIZE 1000000"])
        await house.submit(("<x@full.test>", ROUTE), content=TEXT)
        await house.settled(1)
        (sent,) = peer.messages
        assert sent.startswith(NOTE + b"Subject: x\r\nMIME-Version: 1.0\r\n")
        assert sent.isascii()
        assert body_of(sent) == TEXT.partition(b"\r\n\r\n")[2]
        assert peer.said("MAIL") == [f"MAIL FROM:<a@client.test> SIZE={len(sent)}"]
        assert house.journal.attempts == [("<x@full.test>", "relayed", "250 2.0.0 queued as SINK")]

    in_a_house(scenario)


def test_nothing_is_converted_for_a_host_with_8bitmime() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", extensions=["8BITMIME"])
        await house.submit(("<x@full.test>", ROUTE), content=TEXT)
        await house.settled(1)
        assert peer.messages == [TEXT]
        assert peer.said("MAIL") == ["MAIL FROM:<a@client.test> BODY=8BITMIME"]

    in_a_house(scenario)


def test_what_is_too_big_only_when_converted_is_not_begun() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", extensions=[f"SIZE {len(TEXT)}"])
        await house.submit(("<x@full.test>", ROUTE), content=TEXT)
        await house.settled(1)
        assert peer.said("MAIL") == []
        assert house.journal.attempts[0][2].startswith("552 5.3.4 ")

    in_a_house(scenario)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SEALED, "554 5.6.3 The message would have to be converted"),
        (UTF8_HEADER, "554 5.6.9 The header has octets above 127"),
        (b"Content-Transfer-Encoding: base64\r\n\r\n\xff\r\n", "554 5.6.3 The message can not be converted"),
    ],
)
def test_what_can_not_be_converted_is_returned_with_the_reason(content: bytes, words: str) -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9")
        await house.submit(("<x@full.test>", ROUTE), content=content)
        await house.settled(2)
        (_, action, said), report = house.journal.attempts
        assert (action, said[: len(words)]) == ("failed", words)
        assert report == ("<a@client.test>", "delivered", "250 2.1.5 Delivered")
        assert peer.said("MAIL") == []

    in_a_house(scenario)


def test_what_must_not_be_converted_goes_to_a_host_that_takes_it_as_it_is() -> None:
    async def scenario(house: House) -> None:
        first, second = await two_exchangers(house, [], ["8BITMIME"])
        await house.submit(("<x@dom.test>", "mx:dom.test"), content=SEALED)
        await house.settled(1)
        assert (first.messages, second.messages) == ([], [SEALED])

    in_a_house(scenario)


def test_a_signature_is_kept_where_another_host_takes_it_as_it_is() -> None:
    async def scenario(house: House) -> None:
        first, second = await two_exchangers(house, [], ["8BITMIME"])
        await house.submit(("<x@dom.test>", "mx:dom.test"), content=SIGNED)
        await house.settled(1)
        assert (first.messages, second.messages) == ([], [SIGNED])

    in_a_house(scenario)


def test_a_signature_is_broken_rather_than_the_message_lost() -> None:
    async def scenario(house: House) -> None:
        first, second = await two_exchangers(house, [], ["8BITMIME"])
        second.script["RCPT"] = None
        await house.submit(("<x@dom.test>", "mx:dom.test"), content=SIGNED)
        await house.settled(1)
        (sent,) = first.messages
        assert sent.startswith(NOTE + b"DKIM-Signature: ")
        assert first.connections == 1  # the session that was kept open

    in_a_house(scenario)


def test_without_a_signature_the_better_host_gets_it_converted() -> None:
    async def scenario(house: House) -> None:
        first, second = await two_exchangers(house, [], ["8BITMIME"])
        await house.submit(("<x@dom.test>", "mx:dom.test"), content=TEXT)
        await house.settled(1)
        assert (len(first.messages), second.connections) == (1, 0)

    in_a_house(scenario)


def test_what_nobody_reached_takes_waits_for_those_who_were_not_reached() -> None:
    async def scenario(house: House) -> None:
        house.simulation.host("dead.test", "192.0.2.8")
        await open_peer(house.simulation, "mx.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "dead.test")
        house.simulation.zones.add_mail_exchanger("dom.test", 20, "mx.test")
        await house.submit(("<x@dom.test>", "mx:dom.test"), content=SEALED)
        await house.settled(1)
        assert house.journal.attempts[0][1] == "delayed"

    in_a_house(scenario)


def test_an_address_outside_ascii_goes_to_a_host_with_smtputf8() -> None:
    async def scenario(house: House) -> None:
        first, second = await two_exchangers(house, ["8BITMIME"], ["8BITMIME", "SMTPUTF8"])
        path = "<dörte@dom.test>"
        await house.submit((path, "mx:dom.test"), sender="<a@client.test> SMTPUTF8", content=TEXT)
        await house.settled(1)
        assert (first.messages, second.messages) == ([], [TEXT])

    in_a_house(scenario)


def test_an_address_outside_ascii_fails_where_nobody_has_smtputf8() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", extensions=["8BITMIME"])
        await house.submit(
            ("<dörte@full.test>", ROUTE), ("<x@full.test>", ROUTE), sender="<a@client.test> SMTPUTF8", content=TEXT
        )
        await house.settled(2)
        said = {path: (action, words[:9]) for path, action, words in house.journal.attempts}
        assert said["<dörte@full.test>"] == ("failed", "553 5.6.7")
        assert said["<x@full.test>"] == ("relayed", "250 2.0.0")
        assert peer.messages == [TEXT]

    in_a_house(scenario)


@pytest.mark.parametrize("extensions", [[], ["8BITMIME"]])
def test_a_header_in_utf8_fails_without_smtputf8(extensions: list[str]) -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", extensions=extensions)
        await house.submit(("<x@full.test>", ROUTE), sender="<a@client.test> SMTPUTF8", content=UTF8_HEADER)
        await house.settled(1)
        assert house.journal.attempts[0][2].startswith("554 5.6.9 ")

    in_a_house(scenario)


def test_smtputf8_that_nothing_needs_is_left_out() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", extensions=["8BITMIME"])
        await house.submit(("<x@full.test>", ROUTE), sender="<a@client.test> SMTPUTF8", content=TEXT)
        await house.settled(1)
        assert peer.messages == [TEXT]
        assert peer.said("MAIL") == ["MAIL FROM:<a@client.test> BODY=8BITMIME"]

    in_a_house(scenario)


def test_mail_from_nobody_arrives_converted_whatever_is_signed_in_it() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9")
        await house.submit(("<x@full.test>", ROUTE), sender="<>", content=SEALED)
        await house.settled(1)
        (sent,) = peer.messages
        assert sent.isascii()

    in_a_house(scenario)


def test_nothing_is_returned_for_good_by_a_host_that_could_not_say_what_it_offers() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", {"EHLO": None})
        await house.submit(("<x@full.test>", ROUTE), content=SEALED)
        await house.settled(1)
        assert house.journal.attempts[0][1:] == (
            "delayed",
            "451 4.4.2 The message would have to be converted for the next hop: what is signed or encrypted must not "
            "be altered, or it was cut off before it could say so",
        )
        await house.submit(("<y@full.test>", ROUTE), content=TEXT)
        await house.settled(2)
        assert len(peer.messages) == 1

    in_a_house(scenario)
