"""The peers themselves: each starts, greets, takes a message and leaves nothing behind."""

from __future__ import annotations

import os
import smtplib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.peers import Postfix
from tests.peers.processes import alive, tree

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MESSAGE = b"From: <a@example.net>\r\nTo: <bob@example.org>\r\nSubject: peer\r\n\r\none line\r\n.leading dot\r\n"


def submit(port: int, recipient: str, message: bytes = MESSAGE, sender: str = "a@example.net") -> None:
    """One message by the standard library's client, which stands for a neutral third party."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=20) as client:
        assert client.sendmail(sender, [recipient], message) == {}


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Notes the processes of a peer while it runs; `check` after its end finds no process, mount or directory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: set[int] = set()

    def note(pid: int) -> None:
        if not seen:
            seen.update(tree(pid))
            assert len(seen) > 1
            return
        assert not {process for process in seen if alive(process)}
        assert ".peers" not in Path("/proc/self/mounts").read_text()
        assert os.listdir(tmp_path) == []

    return note


def test_postfix_delivers_into_a_maildir_and_leaves_nothing_behind(nothing_left: Callable[[int], None]) -> None:
    with Postfix(local_domains=["example.org"]) as postfix:
        submit(postfix.port, "bob@example.org")
        [message] = postfix.mailboxes.wait_for_messages("bob")
        assert b"Subject: peer\n" in message
        assert b"\n.leading dot\n" in message
        assert "status=sent" in postfix.log_text()
        nothing_left(postfix.pid)
        pid = postfix.pid
    nothing_left(pid)


def test_postfix_refuses_an_unknown_mailbox_with_550() -> None:
    with (
        Postfix(local_domains=["example.org"]) as postfix,
        smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.test", timeout=20) as client,
    ):
        client.ehlo()
        client.mail("a@example.net")
        assert client.rcpt("nobody@example.org")[0] == 550


def test_postfix_relays_to_another_postfix_by_its_transport_table() -> None:
    with (
        Postfix(local_domains=["example.org"]) as receiver,
        Postfix(relay={"example.org": ("127.0.0.1", receiver.port)}) as sender,
    ):
        submit(sender.port, "bob@example.org")
        [message] = receiver.mailboxes.wait_for_messages("bob")
        assert message.count(b"\nReceived: ") == 2
        sender.wait_for_queue(0)


def test_postfix_holds_what_it_accepts_until_it_is_released() -> None:
    with (
        Postfix(local_domains=["example.org"]) as receiver,
        Postfix(relay={"example.org": ("127.0.0.1", receiver.port)}, hold=True) as postfix,
    ):
        for _ in range(5):
            submit(postfix.port, "bob@example.org")
        assert len(postfix.queue_ids()) == 5
        assert receiver.mailboxes.messages("bob") == []
        postfix.release()
        assert len(receiver.mailboxes.wait_for_messages("bob", 5)) == 5


def test_postfix_keeps_a_message_whose_next_hop_is_away() -> None:
    with Postfix(relay={"example.org": ("127.0.0.1", 9)}) as postfix:
        submit(postfix.port, "bob@example.org")
        assert len(postfix.wait_for_queue(1)) == 1
