"""Every wish about reports, through every server: heloise gives mail to it, and it delivers, or passes on to a heloise.

RFC 3461: NOTIFY, RET, ENVID, ORCPT. Whoever owes the report sends it; all come back to the sender and are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest

from heloise.dsn.parse import parse_report
from tests.interop.house import House, house
from tests.interop.letters import letter
from tests.interop.nexthops import Mta, every_mta, route_to
from tests.interop.test_chain import chain
from tests.interop.test_relay import submit
from tests.peers import DovecotLmtp, Postfix, free_port, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

NOTIFY = ("NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE,DELAY", None)


@dataclass(frozen=True, slots=True)
class Wish:
    """One message to one recipient, and what is wished for it."""

    number: int
    user: str
    ret: str
    notify: str | None

    @property
    def exists(self) -> bool:
        """Is there such a recipient?"""
        return self.user == "bob"

    @property
    def is_reported(self) -> bool:
        """RFC 3461 §4.1: without NOTIFY only failures (and delays)."""
        wished = "FAILURE" if self.notify is None else self.notify
        return ("SUCCESS" if self.exists else "FAILURE") in wished

    def submit(self, port: int) -> None:
        body = letter(b"The body of %d.\r\n" % self.number, b"Subject: wish %d" % self.number)
        rcpt = [f"ORCPT=rfc822;Orig+2B{self.number}@client.test"]
        rcpt += [] if self.notify is None else [f"NOTIFY={self.notify}"]
        mail = [f"ENVID=E{self.number}+2B+3D", f"RET={self.ret}"]
        submit(port, [f"{self.user}@there.test"], body, mail=mail, rcpt=rcpt)


WISHES = [
    Wish(number, *each) for number, each in enumerate(product(("bob", "nobody"), ("FULL", "HDRS"), NOTIFY), start=100)
]


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says, as far as it can be wished for."""

    action: str
    status_class: int
    envelope_id: str | None
    original: str | None
    is_full: bool


def expected(wish: Wish, success: str) -> Told:
    # RFC 3461 §4.3: RET is about failures; a success never brings the body back.
    is_full = wish.ret == "FULL" and not wish.exists
    action, status = (success, 2) if wish.exists else ("failed", 5)
    return Told(action, status, f"E{wish.number}+=", f"Orig+{wish.number}@client.test", is_full)


def read(octets: bytes) -> tuple[str | None, Told]:
    """The subject of the message that a report is about, and what it says."""
    report = parse_report(octets)
    assert report is not None, octets
    assert report.is_standard, octets
    assert octets.startswith(b"Return-Path: <>\r\n")
    [recipient] = report.recipients
    assert recipient.action is not None, octets
    assert recipient.status is not None, octets
    number = str(recipient.status).partition(".")[0]
    is_full = b"The body of " in octets
    return report.original_subject, Told(
        recipient.action.value, int(number), report.envelope_id, recipient.original, is_full
    )


def as_exim_tells(told: Told, wish: Wish) -> Told:
    """It decodes no xtext, and has nothing of who wished for nothing."""
    original = None if wish.notify is None else f"Orig+2B{wish.number}@client.test"
    return replace(told, envelope_id=f"E{wish.number}+2B+3D", original=original)


def as_opensmtpd_tells(told: Told, wish: Wish) -> Told:
    """It tells neither; it returns the body of a failure always, that of a success with RET=FULL."""
    return replace(told, envelope_id=None, original=None, is_full=wish.ret == "FULL" or not wish.exists)


QUIRKS = {"exim": as_exim_tells, "opensmtpd": as_opensmtpd_tells}


def check_reports(near: House, *, success: str = "delivered", of_peer: tuple[str, str] = ("", "")) -> None:
    """Those that were wished for have come, and each says what it can.

    `of_peer`: the reports of which action are not ours, but of the server of this name.
    """
    action, name = of_peer
    # OpenSMTPD reports each failure of mail that it passes on, but for NEVER.
    tells_all = of_peer == ("failed", "opensmtpd")
    reported = [w for w in WISHES if w.is_reported or (tells_all and not w.exists and w.notify != "NEVER")]
    found = [read(octets) for octets in near.mailboxes.wait_for_messages("alice", len(reported), timeout=60)]
    due: dict[str | None, Told] = {}
    for wish in reported:
        report = expected(wish, success)
        is_odd = report.action == action and name in QUIRKS
        due[f"wish {wish.number}"] = QUIRKS[name](report, wish) if is_odd else report
    assert dict(found) == due
    assert len(found) == len(due)


def nothing_more(near: House, queues: Sequence[Mta | House]) -> None:
    """When all queues are empty no other report is on its way, and there are as many as before."""
    before = len(near.mailboxes.messages("alice"))
    for queue in queues:
        if isinstance(queue, House):
            wait_until(lambda house=queue: house.server.waiting_messages() == 0, "an empty queue", 20)  # type: ignore[misc]
        else:
            queue.wait_for_queue(0)
    wait_until(lambda: near.server.waiting_messages() == 0, "an empty queue", 20)
    assert len(near.mailboxes.messages("alice")) == before


@contextmanager
def delivering(mta: type[Mta], directory: Path, **options: object) -> Iterator[tuple[House, Mta]]:
    """A heloise whose mail for there.test a peer delivers; the peer's mail for here.test comes back."""
    port = free_port()
    with (
        mta(local_domains=["there.test"], relay={"here.test": ("127.0.0.1", port)}, **options) as peer,  # type: ignore[arg-type]
        house(directory, routes=route_to(peer), port=port) as near,
    ):
        yield near, peer


def submit_all(near: House) -> None:
    for each in WISHES:
        each.submit(near.port)


@every_mta
def test_reports_of_a_server_that_delivers(mta: type[Mta], tmp_path: Path) -> None:
    with delivering(mta, tmp_path) as (near, peer):
        submit_all(near)
        check_reports(near, of_peer=("delivered", mta.name))
        nothing_more(near, [peer])


@every_mta
def test_reports_of_a_heloise_behind_a_server(mta: type[Mta], tmp_path: Path) -> None:
    with chain(mta, tmp_path) as links:
        submit_all(links.near)
        check_reports(links.near, of_peer=("failed", mta.name))
        nothing_more(links.near, [links.far, links.middle, links.far])


def test_reports_about_a_server_without_dsn(tmp_path: Path) -> None:
    with delivering(Postfix, tmp_path, extra={"smtpd_discard_ehlo_keywords": "dsn"}) as (near, peer):
        submit_all(near)
        check_reports(near, success="relayed")
        nothing_more(near, [peer])


def test_reports_about_delivery_by_lmtp(tmp_path: Path) -> None:
    with ExitStack() as stack:
        peer = stack.enter_context(DovecotLmtp(local_domains=["there.test"]))
        near = stack.enter_context(house(tmp_path, routes=route_to(peer)))
        submit_all(near)
        check_reports(near)
        nothing_more(near, [])
