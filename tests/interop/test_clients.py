"""What real clients hand to `heloise serve` lies in the Maildir with every octet, below the trace fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import pytest

from tests.interop.clients import Curl, HeloiseSend, Msmtp, Nodemailer, Smtplib, Swaks, run
from tests.interop.house import House, house
from tests.interop.letters import EIGHT_BIT, LETTERS, PLAIN, letter
from tests.serving import PROGRAM

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SENDER = "somebody@client.test"
FEW = ("plain", "dots", "eight-bit", "long-line")


class Client(Protocol):
    """Anything that sends."""

    def send(self, port: int, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        """Hand the message over; a refusal is an error."""


CLIENTS: dict[str, Client] = {
    "smtplib": Smtplib(),
    "swaks": Swaks(),
    "curl": Curl(),
    "msmtp": Msmtp(),
    "nodemailer": Nodemailer(),
    "heloise": HeloiseSend("--quiet"),
    "swaks-pipelining": Swaks("--pipeline"),
    "heloise-bdat": HeloiseSend("--quiet", "--bdat"),
}
# swaks takes a message without body for one without the empty line.
PAIRS = [
    (client, name)
    for client in CLIENTS
    for name in (FEW if "-" in client else LETTERS)
    if (client, name) != ("swaks", "no-body")
]
every_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("heloise")) as running:
        yield running


@pytest.fixture
def server(serving: House) -> House:
    serving.clear()
    return serving


@pytest.mark.parametrize(("client", "name"), PAIRS)
def test_what_a_client_sends_arrives_with_every_octet(client: str, name: str, server: House) -> None:
    CLIENTS[client].send(server.port, SENDER, ["alice@here.test"], LETTERS[name])
    [arrived] = server.letters()
    assert arrived.octets == LETTERS[name]
    assert (arrived.reverse_path, arrived.forward_path) == (SENDER, "alice@here.test")
    assert arrived.protocol == "ESMTP"


@every_client
def test_several_recipients_get_the_same(client: str, server: House) -> None:
    CLIENTS[client].send(server.port, SENDER, ["alice@here.test", "bob+tag@here.test"], LETTERS["dots"])
    [to_alice], [to_bob] = server.letters("alice"), server.letters("bob")
    assert to_alice.octets == to_bob.octets == LETTERS["dots"]
    assert (to_alice.forward_path, to_bob.forward_path) == ("alice@here.test", "bob+tag@here.test")


@pytest.mark.parametrize("client", ["smtplib", "curl", "nodemailer", "heloise", "heloise-bdat"])
def test_addresses_outside_ascii_arrive(client: str, server: House) -> None:
    octets = letter("Grüße\r\n".encode(), "Subject: Grüße".encode(), "To: dörte@here.test".encode())
    CLIENTS[client].send(server.port, "jürgen@client.test", ["dörte@here.test"], octets)
    [arrived] = server.letters("dörte")
    assert arrived.octets == octets
    assert (arrived.reverse_path, arrived.forward_path) == ("jürgen@client.test", "dörte@here.test")
    assert arrived.protocol == "UTF8SMTP"


def test_swaks_puts_its_commands_into_one_group_when_pipelining(server: House) -> None:
    said = Swaks("--pipeline").say(server.port, SENDER, ["alice@here.test", "bob@here.test"], PLAIN)
    assert re.search(r" -> MAIL FROM:.*\n -> RCPT TO:.*\n -> RCPT TO:.*\n -> DATA\n<-  250 ", said), said


def test_what_swaks_writes_itself_arrives_as_it_prints_it(server: House) -> None:
    said = Swaks().say(server.port, SENDER, ["alice@here.test"], None, "--body", ".a\\n..\\n.\\nb")
    _, _, dialogue = said.partition("<-  354 ")
    sent = [line.removeprefix(" -> ") for line in dialogue.splitlines()[1:] if line.startswith(" -> ")]
    *content, dot, farewell = sent
    assert (dot, farewell) == (".", "QUIT")
    [arrived] = server.letters()
    assert arrived.octets.decode().splitlines() == [line.removeprefix(".") for line in content]
    assert b"\r\nX-Mailer: swaks" in arrived.octets


def test_heloise_sends_chunks_when_told_so(server: House) -> None:
    transcript = HeloiseSend("--bdat").transcript(server.port, SENDER, ["alice@here.test"], EIGHT_BIT)
    assert f"BDAT {len(EIGHT_BIT)} LAST" in transcript
    assert not any(line.startswith("DATA") for line in transcript)
    assert any(line.startswith("MAIL") and "BODY=8BITMIME" in line for line in transcript)


def test_a_letter_that_heloise_writes_itself_arrives_complete(server: House) -> None:
    run(
        [
            *(PROGRAM, "send", "--server", f"127.0.0.1:{server.port}", "--from", SENDER, "--to", "alice@here.test"),
            *("--subject", "Grüße", "--body", "Schöne Grüße\n.\nEnde\n"),
        ]
    )
    [arrived] = server.letters()
    message = arrived.message()
    assert message["Subject"] == "Grüße"
    assert message.get_content().splitlines() == ["Schöne Grüße", ".", "Ende"]
    assert arrived.octets.isascii()


@every_client
def test_five_megabytes_arrive_with_every_octet(client: str, server: House) -> None:
    octets = letter(b"".join(b".%07d %s\r\n" % (number, b"x" * 60) for number in range(75_000)), b"Subject: large")
    assert len(octets) > 5_000_000
    CLIENTS[client].send(server.port, SENDER, ["alice@here.test"], octets)
    [arrived] = server.letters()
    assert arrived.octets == octets
