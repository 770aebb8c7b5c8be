"""XCLIENT by swaks, to heloise and to Postfix alike; XFORWARD from Postfix to heloise, and from heloise to Postfix."""

import re
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.clients import Swaks
from tests.interop.house import House, house
from tests.peers import Postfix
from tests.peers.jail import free_port, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]
LETTER = b"Subject: spoken for\r\n\r\nHello\r\n"
CLAIM = (
    *("--xclient-name", "mail.client.test", "--xclient-addr", "198.51.100.7", "--xclient-port", "40000"),
    *("--xclient-proto", "ESMTP", "--xclient-helo", "told.test"),
)


@pytest.fixture(scope="module")
def heloise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    extra = '[xclient]\nnetworks = ["127.0.0.1"]\n'
    with house(tmp_path_factory.mktemp("spokesmen"), extra=extra) as started:
        yield started


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    parameters = {"smtpd_authorized_xclient_hosts": "127.0.0.1"}
    with Postfix(local_domains=["here.test"], extra=parameters) as started:
        yield started


def test_swaks_speaks_for_a_client_as_it_does_to_postfix(heloise: House, postfix: Postfix) -> None:
    fields = []
    for port, mailboxes in ((heloise.port, heloise.mailboxes), (postfix.port, postfix.mailboxes)):
        said = Swaks(*CLAIM).say(port, "a@client.test", ["alice@here.test"], LETTER)
        assert "-> XCLIENT " in said
        [octets] = mailboxes.wait_for_messages("alice", 1)
        found = re.search(rb"\nReceived: from (\S+ \([^)]*\))", octets)
        assert found is not None
        fields.append(found[1])
    ours, theirs = fields
    assert ours == theirs == b"client.test (mail.client.test [198.51.100.7])"


def test_the_pretended_client_may_not_relay_here_nor_there(heloise: House, postfix: Postfix) -> None:
    for port in (heloise.port, postfix.port):
        with smtplib.SMTP("127.0.0.1", port, "client.test", 20) as client:
            client.ehlo()
            assert client.docmd("XCLIENT ADDR=198.51.100.7")[0] == 220
            client.ehlo()
            assert not client.has_extn("xclient")
            assert client.docmd("XCLIENT ADDR=127.0.0.1")[0] == 550
            client.mail("a@client.test")
            code, _ = client.rcpt("b@elsewhere.test")
            assert code in (550, 554)


@pytest.mark.parametrize(
    "attributes",
    ["COLOUR=green", "ADDR=192.0.2", "PORT=x", "PROTO=X400", "ADDR", "NAME=[TEMPUNAVAIL]"],
)
def test_attributes_are_read_as_postfix_reads_them(heloise: House, postfix: Postfix, attributes: str) -> None:
    codes = []
    for port in (heloise.port, postfix.port):
        with smtplib.SMTP("127.0.0.1", port, "client.test", 20) as client:
            client.ehlo()
            codes.append(client.docmd(f"XCLIENT {attributes}")[0])
    assert codes[0] == codes[1]


def test_postfix_tells_where_it_has_a_message_from_and_it_goes_on_to_the_next_postfix(tmp_path: Path) -> None:
    port = free_port()
    forwarding = {"smtp_send_xforward_command": "yes"}
    accepting = {"smtpd_authorized_xforward_hosts": "127.0.0.1"}
    extra = '[xforward]\nnetworks = ["127.0.0.1"]\n[[destination]]\nhosts = ["127.0.0.1"]\nxforward = true\n'
    with (
        Postfix(local_domains=["there.test"], extra=accepting) as last,
        house(tmp_path, port=port, routes={"there.test": f"smtp:127.0.0.1:{last.port}"}, extra=extra) as heloise,
        Postfix(relay={"there.test": ("127.0.0.1", port)}, extra=forwarding) as first,
    ):
        with smtplib.SMTP("127.0.0.1", first.port, "client.test", 20, ("127.0.0.77", 0)) as client:
            client.sendmail("a@client.test", ["alice@there.test"], LETTER)
        last.mailboxes.wait_for_messages("alice", 1)
        log = (tmp_path / "heloise.log").read_text()
        assert heloise.port == port
        assert re.search(r"forwarded=.*ADDR=127\.0\.0\.77", log), log
        wait_until(lambda: "orig_client=" in last.log_text(), "the log of the last one", 10)
        assert "[127.0.0.77]" in last.log_text()


def test_heloise_tells_postfix_where_it_has_a_message_from(tmp_path: Path) -> None:
    accepting = {"smtpd_authorized_xforward_hosts": "127.0.0.1"}
    extra = '[[destination]]\nhosts = ["127.0.0.1"]\nxforward = true\n'
    with Postfix(local_domains=["there.test"], extra=accepting) as last:
        routes = {"there.test": f"smtp:127.0.0.1:{last.port}"}
        with house(tmp_path, routes=routes, extra=extra) as heloise:
            with smtplib.SMTP("127.0.0.1", heloise.port, "client.test", 20, ("127.0.0.77", 0)) as client:
                client.sendmail("a@client.test", ["alice@there.test"], LETTER)
            last.mailboxes.wait_for_messages("alice", 1)
        assert "orig_client=unknown[127.0.0.77]" in last.log_text()
