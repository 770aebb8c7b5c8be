"""From heloise through a foreign server to another heloise, and the report all the way back; VERB in between."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.clients import Smtplib
from tests.interop.house import House, fields_of_report, house
from tests.interop.letters import LETTERS, PLAIN
from tests.interop.nexthops import Mta, every_mta, route_to
from tests.interop.test_relay import submit
from tests.peers import Postfix, Sendmail, free_port, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

# What a foreign server in the middle changes, by itself: see docs/peers.md.
CHANGED = {
    "postfix": {"too-long-line", "no-date-nor-id"},
    "sendmail": {"too-long-line"},
    "exim": {"too-long-line"},
    "opensmtpd": {"no-date-nor-id"},
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Mail for there.test goes from `near` by `middle` to `far`, mail for here.test the same way back."""

    near: House
    middle: Mta
    far: House


@contextmanager
def chain(mta: type[Mta], directory: Path) -> Iterator[Chain]:
    near_port, far_port = free_port(), free_port()
    with mta(relay={"there.test": ("127.0.0.1", far_port), "here.test": ("127.0.0.1", near_port)}) as middle:
        by_middle = f"smtp:127.0.0.1:{middle.port}"
        with (
            house(directory / "far", domain="there.test", port=far_port, routes={"here.test": by_middle}) as far,
            house(directory / "near", port=near_port, routes=route_to(middle)) as near,
        ):
            yield Chain(near, middle, far)


def content(octets: bytes) -> bytes:
    """What the first server took, without the trace fields that all put on top of each other."""
    received = re.search(rb"Received: from client\.test [^\r]*\r\n(?:[ \t][^\r]*\r\n)+", octets)
    assert received is not None
    return octets[received.end() :]


@every_mta
def test_content_is_the_same_at_the_end_of_the_chain(mta: type[Mta], tmp_path: Path) -> None:
    with chain(mta, tmp_path) as links:
        unchanged = [LETTERS[name] for name in LETTERS if name not in CHANGED[mta.name]]
        for octets in unchanged:
            Smtplib().send(links.near.port, "alice@here.test", ["bob@there.test"], octets)
        arrived = links.far.letters("bob", len(unchanged))
        assert sorted(content(letter.octets) for letter in arrived) == sorted(unchanged)
        assert {letter.reverse_path for letter in arrived} == {"alice@here.test"}
        assert links.near.mailboxes.messages("alice") == []


@every_mta
def test_the_report_of_success_comes_back_through_the_chain(mta: type[Mta], tmp_path: Path) -> None:
    with chain(mta, tmp_path) as links:
        mail, rcpt = ["ENVID=a+2Bb", "RET=HDRS"], ["NOTIFY=SUCCESS", "ORCPT=rfc822;Robert@orig.test"]
        submit(links.near.port, ["bob@there.test"], PLAIN, mail=mail, rcpt=rcpt)
        links.far.letters("bob")
        [report] = links.near.reports()
        about, [group] = fields_of_report(report)
        assert about["Reporting-MTA"] == "dns; heloise.test"
        assert about["Original-Envelope-Id"] == "a+b"
        assert group["Action"] == "delivered"
        assert group["Original-Recipient"] == "rfc822; Robert@orig.test"
        assert report["Auto-Submitted"] is not None
        assert any(part.get_content_type() == "text/rfc822-headers" for part in report.walk())


@pytest.mark.parametrize("mta", [Postfix], ids=lambda mta: mta.name)
def test_addresses_outside_ascii_go_through_the_chain_and_back(mta: type[Mta], tmp_path: Path) -> None:
    with chain(mta, tmp_path) as links:
        octets = LETTERS["utf-8-header"]
        submit(
            links.near.port,
            ["dörte@there.test"],
            octets,
            sender="dörte@here.test",
            mail=["SMTPUTF8", "BODY=8BITMIME"],
            rcpt=["NOTIFY=SUCCESS"],
        )
        [arrived] = links.far.letters("dörte")
        assert content(arrived.octets) == octets
        assert arrived.reverse_path == "dörte@here.test"
        [report] = links.near.reports("dörte")
        _, [group] = fields_of_report(report)
        assert group["Action"] == "delivered"
        assert "dörte@there.test" in group["Final-Recipient"]


@every_mta
def test_a_refusal_at_the_end_of_the_chain_is_reported_to_the_beginning(mta: type[Mta], tmp_path: Path) -> None:
    with chain(mta, tmp_path) as links:
        submit(links.near.port, ["nobody@there.test"], PLAIN)
        [octets] = links.near.mailboxes.wait_for_messages("alice")
        assert octets.startswith(b"Return-Path: <>\r\n")
        assert b"nobody@there.test" in octets
        assert b"550" in octets


def verbose_session(port: int, *commands: str) -> list[str]:
    """Say all commands one after the other; every line that was answered."""
    lines: list[str] = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link, link.makefile("rb") as stream:
        for command in ("", *commands):
            link.sendall(f"{command}\r\n".encode() if command else b"")
            while True:
                line = stream.readline().decode().rstrip("\r\n")
                assert line, f"lost after {lines}"
                lines.append(line)
                if line[3:4] == " " and not line.startswith("050"):
                    break
    return lines


@pytest.mark.parametrize("mta", [Postfix, Sendmail], ids=lambda mta: mta.name)
def test_a_verbose_session_hears_what_the_next_hop_says(mta: type[Mta], tmp_path: Path) -> None:
    with mta(local_domains=["there.test"]) as peer, house(tmp_path, routes=route_to(peer)) as heloise:
        lines = verbose_session(
            heloise.port,
            *("EHLO client.test", "VERB", "MAIL FROM:<alice@here.test>"),
            *("RCPT TO:<bob@there.test>", "RCPT TO:<nobody@there.test>", "DATA", "Subject: x\r\n\r\nx\r\n."),
        )
        heard = [line.removeprefix("050 ") for line in lines if line.startswith("050 ")]
        assert heard[0].startswith("<bob@there.test>,<nobody@there.test>... Connecting to ")
        assert any(re.fullmatch(rf"220 {mta.name}\.test ESMTP.*", line) for line in heard)
        assert ">>> EHLO heloise.test" in heard
        assert "250-PIPELINING" in heard
        assert any(line.startswith(">>> MAIL FROM:<alice@here.test>") for line in heard)
        assert any(re.match(r"550 5\.1\.1 .*nobody@there\.test", line) for line in heard)
        assert ">>> ." in heard
        assert any(line.startswith("<bob@there.test>... Sent (") for line in heard)
        assert any(line.startswith("<nobody@there.test>... Failed: 550 5.1.1") for line in heard)
        assert lines[-1].startswith("250 2.0.0 ")
        peer.mailboxes.wait_for_messages("bob")
        assert len(heloise.reports()) == 1


def test_verb_goes_through_two_servers_to_sendmail_and_all_of_it_is_heard(tmp_path: Path) -> None:
    with (
        Sendmail(local_domains=["there.test"]) as sendmail,
        house(tmp_path / "far", domain="far.test", routes=route_to(sendmail)) as far,
        house(tmp_path / "near", routes={"there.test": f"smtp:127.0.0.1:{far.port}"}) as near,
    ):
        lines = verbose_session(
            near.port,
            *("EHLO client.test", "VERB", "MAIL FROM:<alice@here.test>"),
            *("RCPT TO:<bob@there.test>", "DATA", "Subject: x\r\n\r\nx\r\n."),
        )
        heard = [line.removeprefix("050 ") for line in lines if line.startswith("050 ")]
        mark = "[127.0.0.1]: "  # what the second heloise tells; what sendmail tells has it twice
        assert sum(line == ">>> VERB" for line in heard) == 1
        assert f"{mark}>>> VERB" in heard
        assert any(line.startswith(f"{mark}220 sendmail.test ESMTP Sendmail") for line in heard)
        assert f"{mark}{mark}<bob@there.test>... Connecting to local..." in heard
        assert f"{mark}{mark}<bob@there.test>... Sent" in heard
        assert any(line.startswith(f"{mark}<bob@there.test>... Sent (") for line in heard)
        assert heard[-1].startswith("<bob@there.test>... Sent (")
        sendmail.mailboxes.wait_for_messages("bob")


@every_mta
def test_a_priority_goes_in_the_header_through_a_server_that_knows_none(mta: type[Mta], tmp_path: Path) -> None:
    far_port = free_port()
    believes = '[tunnelling]\nmt_priority = "relay"\n'
    with (
        mta(relay={"beyond.test": ("127.0.0.1", far_port)}) as middle,
        # Nobody is there, so that it stays in the queue and can be looked at.
        house(tmp_path / "far", port=far_port, routes={"beyond.test": "smtp:127.0.0.1:1"}, extra=believes) as far,
        house(tmp_path / "near", routes={"beyond.test": f"smtp:127.0.0.1:{middle.port}"}) as near,
    ):
        submit(near.port, ["bob@beyond.test"], PLAIN, mail=["MT-PRIORITY=-4"])
        wait_until(lambda: far.server.waiting_messages() == 1, "the message at the end of the chain", 60)
        [message] = far.server.control({"do": "list", "limit": 10})["ok"]["messages"]
        assert message["priority"] == -4
