"""heloise gives mail to real servers as next hops: what arrives, what is asked for, what is refused, what is late."""

from __future__ import annotations

import smtplib
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.interop.house import fields_of_report, house
from tests.interop.letters import EIGHT_BIT, LETTERS, PLAIN, letter
from tests.interop.nexthops import MTAS, STORED_DSN, Mta, every_mta, route_to, stored_envelope
from tests.peers import DovecotLmtp, OpenSmtpd, Postfix
from tests.peers.jail import Mailboxes

pytestmark = [pytest.mark.interop, pytest.mark.slow]

# Those that every server passes on as they are; what becomes of others is in test_chain.
LETTERS_FOR_ALL = ("plain", "no-body", "empty-lines", "dots", "from-line", "eight-bit", "latin", "long-line", "control")


def submit(
    port: int,
    recipients: Sequence[str],
    octets: bytes,
    *,
    sender: str = "alice@here.test",
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
) -> None:
    """One transaction with parameters."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=30) as session:
        session.ehlo()
        if not (sender + "".join(recipients)).isascii():
            session.command_encoding = "utf-8"
        assert session.mail(sender, mail)[0] == 250
        for recipient in recipients:
            assert session.rcpt(recipient, rcpt)[0] == 250
        assert session.data(octets)[0] == 250


def check_arrived(mailboxes: Mailboxes, octets: bytes, *, user: str = "bob") -> None:
    """It is there with all its octets; the trace fields are above them."""
    [arrived] = mailboxes.wait_for_messages(user)
    assert arrived.replace(b"\r\n", b"\n").endswith(b"\n" + octets.replace(b"\r\n", b"\n"))
    assert b"by heloise.test with ESMTP id" in arrived
    for path in (mailboxes.maildir(user) / "new").iterdir():
        path.unlink()


@every_mta
def test_content_arrives_at_a_real_server(mta: type[Mta], tmp_path: Path) -> None:
    with mta(local_domains=["there.test"]) as peer, house(tmp_path, routes=route_to(peer)) as heloise:
        for name in LETTERS_FOR_ALL:
            submit(heloise.port, ["bob@there.test"], LETTERS[name])
            check_arrived(peer.mailboxes, LETTERS[name])
        assert heloise.mailboxes.messages("alice") == []


def test_content_arrives_at_dovecot_by_lmtp(tmp_path: Path) -> None:
    with (
        DovecotLmtp(local_domains=["there.test"]) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        for name in LETTERS_FOR_ALL:
            submit(heloise.port, ["bob@there.test"], LETTERS[name])
            check_arrived(peer.mailboxes, LETTERS[name])


def test_lmtp_answers_for_each_recipient_and_one_refusal_is_reported(tmp_path: Path) -> None:
    with (
        DovecotLmtp(local_domains=["there.test"]) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        recipients = ["bob@there.test", "nobody@there.test", "carol@there.test"]
        submit(heloise.port, recipients, PLAIN, rcpt=["NOTIFY=SUCCESS,FAILURE"])
        peer.mailboxes.wait_for_messages("bob")
        peer.mailboxes.wait_for_messages("carol")
        [report] = heloise.reports()
        _, groups = fields_of_report(report)
        told = {group["Final-Recipient"]: (group["Action"], group["Status"]) for group in groups}
        assert told == {
            "rfc822; bob@there.test": ("delivered", "2.0.0"),
            "rfc822; nobody@there.test": ("failed", "5.1.1"),
            "rfc822; carol@there.test": ("delivered", "2.0.0"),
        }


# Limits of their own that are lower; those of the others are not.
MUCH: dict[type[Mta | DovecotLmtp], dict[str, object]] = {Postfix: {"extra": {"message_size_limit": "30000000"}}}


@pytest.mark.parametrize("server", [*MTAS, DovecotLmtp], ids=lambda server: server.name)
def test_twenty_megabytes_and_a_thousand_recipients(server: type[Mta | DovecotLmtp], tmp_path: Path) -> None:
    users = [f"user{number}" for number in range(1000)]
    large = letter(b".%060d\r\n" % 7 * 320_000, b"Subject: large")
    assert len(large) > 20_000_000
    options = MUCH.get(server, {})
    with (
        server(local_domains=["there.test"], users=users, **options) as peer,  # type: ignore[arg-type]
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        submit(heloise.port, ["user0@there.test"], large)
        check_arrived(peer.mailboxes, large, user="user0")
        submit(heloise.port, [f"{user}@there.test" for user in users], PLAIN)
        for user in users:
            check_arrived(peer.mailboxes, PLAIN, user=user)
        assert heloise.mailboxes.messages("alice") == []


@every_mta
def test_the_wishes_for_reports_are_told_to_the_next_hop(mta: type[Mta], tmp_path: Path) -> None:
    with (
        mta(relay={"there.test": ("127.0.0.1", 9)}, hold=True) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        wishes = ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;Bob+2Bold@Orig.test"]
        mail = ["RET=HDRS", "ENVID=id+2B7", "BODY=8BITMIME"]
        submit(heloise.port, ["bob@there.test"], EIGHT_BIT, mail=mail, rcpt=wishes)
        stored = stored_envelope(peer)
        assert [wish for wish in STORED_DSN[mta] if wish not in stored] == [], stored


@every_mta
def test_a_refused_recipient_earns_the_sender_a_report(mta: type[Mta], tmp_path: Path) -> None:
    with mta(local_domains=["there.test"]) as peer, house(tmp_path, routes=route_to(peer)) as heloise:
        octets = LETTERS["eight-bit"]
        submit(
            heloise.port,
            ["bob@there.test", "nobody@there.test"],
            octets,
            mail=["ENVID=a+2Bb", "RET=FULL"],
            rcpt=["ORCPT=rfc822;first@orig.test"],
        )
        check_arrived(peer.mailboxes, octets)
        [report] = heloise.reports()
        about, [group] = fields_of_report(report)
        assert about["Reporting-MTA"] == "dns; heloise.test"
        assert about["Original-Envelope-Id"] == "a+b"
        assert group["Original-Recipient"] == "rfc822; first@orig.test"
        assert group["Final-Recipient"] == "rfc822; nobody@there.test"
        assert group["Action"] == "failed"
        assert group["Status"].startswith("5.")
        assert group["Diagnostic-Code"].startswith("smtp; 550 ")
        assert "127.0.0.1" in group["Remote-MTA"]
        [original] = [part for part in report.walk() if part.get_content_type() == "message/rfc822"]
        assert original.as_bytes().replace(b"\r\n", b"\n").endswith(octets.replace(b"\r\n", b"\n"))


@every_mta
def test_an_address_outside_ascii_arrives_or_is_reported(mta: type[Mta], tmp_path: Path) -> None:
    with (
        mta(local_domains=["there.test"], users=["dörte"]) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        with smtplib.SMTP("127.0.0.1", peer.port, local_hostname="client.test", timeout=30) as session:
            session.ehlo()
            offered = session.has_extn("smtputf8")
        octets = LETTERS["eight-bit"]
        submit(heloise.port, ["dörte@there.test"], octets, mail=["SMTPUTF8", "BODY=8BITMIME"])
        if offered:
            [arrived] = peer.mailboxes.wait_for_messages("dörte")
            assert arrived.endswith(octets.replace(b"\r\n", b"\n"))
            assert b" with UTF8SMTP id " in arrived
        else:
            [report] = heloise.reports()
            _, [group] = fields_of_report(report)
            assert group["Status"] == "5.6.7"
            assert "dörte@there.test" in group["Final-Recipient"]


def test_an_address_outside_ascii_is_reported_when_an_lmtp_server_has_no_smtputf8(tmp_path: Path) -> None:
    with DovecotLmtp(local_domains=["there.test"]) as peer, house(tmp_path, routes=route_to(peer)) as heloise:
        submit(heloise.port, ["dörte@there.test"], EIGHT_BIT, mail=["SMTPUTF8", "BODY=8BITMIME"])
        [report] = heloise.reports()
        _, [group] = fields_of_report(report)
        assert (group["Action"], group["Status"]) == ("failed", "5.6.7")
        assert "dörte@there.test" in group["Final-Recipient"]


def test_an_alias_outside_ascii_leads_to_a_server_without_smtputf8(tmp_path: Path) -> None:
    aliases = '[aliases]\n"straße" = ["bob@there.test"]\n'
    with (
        OpenSmtpd(local_domains=["there.test"]) as peer,
        house(tmp_path, routes=route_to(peer), extra=aliases) as heloise,
    ):
        submit(heloise.port, ["straße@here.test"], EIGHT_BIT, mail=["SMTPUTF8", "BODY=8BITMIME"])
        [arrived] = peer.mailboxes.wait_for_messages("bob")
        assert arrived.endswith(b"\n" + EIGHT_BIT.replace(b"\r\n", b"\n"))
        assert heloise.mailboxes.messages("alice") == []


class Greylist(socketserver.ThreadingTCPServer):
    """A policy service for Postfix: each recipient is put off the first time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Policy)
        self.seen: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Policy(socketserver.StreamRequestHandler):
    server: Greylist

    def handle(self) -> None:
        asked: dict[str, str] = {}
        for line in self.rfile:
            name, equals, value = line.decode().rstrip("\n").partition("=")
            if equals:
                asked[name] = value
                continue
            recipient = asked["recipient"]
            action = "DUNNO" if recipient in self.server.seen else "450 4.7.1 greylisted, come again"
            self.server.seen.append(recipient)
            self.wfile.write(f"action={action}\n\n".encode())


@contextmanager
def greylist() -> Iterator[Greylist]:
    with Greylist() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_recipient_put_off_by_450_is_tried_again_and_nobody_gets_it_twice(tmp_path: Path) -> None:
    with greylist() as policy:
        extra = {"smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{policy.port}"}
        with (
            Postfix(local_domains=["there.test"], extra=extra) as peer,
            house(tmp_path, routes=route_to(peer)) as heloise,
        ):
            policy.seen.append("bob@there.test")
            submit(heloise.port, ["bob@there.test", "carol@there.test"], PLAIN)
            check_arrived(peer.mailboxes, PLAIN, user="bob")
            check_arrived(peer.mailboxes, PLAIN, user="carol")
            assert policy.seen.count("carol@there.test") == 2
            assert policy.seen.count("bob@there.test") == 2  # one of them is ours
            assert heloise.mailboxes.messages("alice") == []


def test_mail_for_a_server_that_is_away_waits_until_it_is_back(tmp_path: Path) -> None:
    later = Postfix(local_domains=["there.test"])
    try:
        with house(tmp_path, routes=route_to(later)) as heloise:
            submit(heloise.port, ["bob@there.test"], PLAIN)
            assert heloise.server.waiting_messages() == 1
            with later as peer:
                # A dead host is left alone for a while; an operator who knows better says so.
                heloise.server.control({"do": "retry"})
                check_arrived(peer.mailboxes, PLAIN)
    finally:
        later.jail.remove()


def test_a_message_larger_than_the_next_hop_takes_is_reported_without_being_sent(tmp_path: Path) -> None:
    with (
        Postfix(local_domains=["there.test"], extra={"message_size_limit": "20000"}) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        submit(heloise.port, ["bob@there.test"], letter(b"x" * 70 + b"\r\n" * 30_000))
        [report] = heloise.reports()
        _, [group] = fields_of_report(report)
        assert (group["Action"], group["Status"]) == ("failed", "5.3.4")
        assert "from=<alice@here.test>" not in peer.log_text()


def test_without_dsn_at_the_next_hop_the_report_relayed_is_ours(tmp_path: Path) -> None:
    with (
        Postfix(local_domains=["there.test"], extra={"smtpd_discard_ehlo_keywords": "dsn, pipelining, size"}) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        submit(heloise.port, ["bob@there.test"], PLAIN, rcpt=["NOTIFY=SUCCESS"])
        check_arrived(peer.mailboxes, PLAIN)
        [report] = heloise.reports()
        _, [group] = fields_of_report(report)
        assert (group["Action"], group["Status"]) == ("relayed", "2.0.0")


def text_of(octets: bytes) -> list[str]:
    """The lines of the text, decoded."""
    content = message_from_bytes(octets, policy=policy.default).get_content()
    assert isinstance(content, str)
    return content.splitlines()


SEVEN_BIT = {"smtpd_discard_ehlo_keywords": "8bitmime, smtputf8"}


@pytest.mark.parametrize("name", ["eight-bit", "latin"])
def test_a_server_without_8bitmime_gets_the_same_text_in_seven_bits(name: str, tmp_path: Path) -> None:
    with (
        Postfix(local_domains=["there.test"], extra=SEVEN_BIT) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        submit(heloise.port, ["bob@there.test"], LETTERS[name])
        [arrived] = peer.mailboxes.wait_for_messages("bob")
        assert arrived.isascii()
        assert text_of(arrived) == text_of(LETTERS[name])


def test_a_header_outside_ascii_is_reported_when_the_server_has_no_8bitmime(tmp_path: Path) -> None:
    with (
        Postfix(local_domains=["there.test"], extra=SEVEN_BIT) as peer,
        house(tmp_path, routes=route_to(peer)) as heloise,
    ):
        submit(heloise.port, ["bob@there.test"], LETTERS["utf-8-header"])
        [report] = heloise.reports()
        _, [group] = fields_of_report(report)
        assert group["Action"] == "failed"
        assert group["Status"] in ("5.6.3", "5.6.9")
        assert peer.mailboxes.messages("bob") == []
