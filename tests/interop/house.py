"""A real `heloise serve` with Maildirs, set up as a test wants it beside real peers."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TypeAlias

from tests.peers.jail import Mailboxes, wait_until
from tests.serving import Served, served

Fields: TypeAlias = dict[str, str]
DOMAIN = "here.test"
USERS = ("alice", "bob", "dörte")
_CONFIGURATION = """\
hostname = "heloise.test"
state = "state"
[[listener]]
address = "127.0.0.1:{port}"
[local]
domains = ["{domain}"]
postmaster = "alice"
maildir = "mail/{{user}}"
[limits]
minimum_free = 0
[retry]
intervals = ["{retry}"]
{users}{routes}{extra}"""

# What final delivery and reception put on top, and nothing else. RFC 5321 §4.4.
_TRACE = re.compile(
    rb"Return-Path: <(?P<reverse_path>[^\r\n]*)>\r\n"
    rb"Delivered-To: (?P<forward_path>[^\r\n]+)\r\n"
    rb"Received: from (?P<hello>\S+) \((?:\S+ )?\[127\.0\.0\.1\]\)\r\n"
    rb"\tby heloise\.test with (?P<protocol>\w+) id \S+(?P<sole> for <[^\r\n]+>)?;\r\n"
    rb"\t[^\r\n]+\r\n"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in a Maildir: what its trace fields say, and the octets below them."""

    reverse_path: str
    forward_path: str
    protocol: str
    octets: bytes

    @classmethod
    def parse(cls, octets: bytes) -> Letter:
        found = _TRACE.match(octets)
        assert found is not None, f"no trace fields on top of {octets[:600]!r}"
        return cls(
            found["reverse_path"].decode(),
            found["forward_path"].decode(),
            found["protocol"].decode(),
            octets[found.end() :],
        )

    def message(self) -> EmailMessage:
        """The octets, read."""
        return message_from_bytes(self.octets, policy=policy.default)


@dataclass(frozen=True, slots=True)
class House:
    """A running heloise and the mailboxes of its users."""

    server: Served
    mailboxes: Mailboxes

    @property
    def port(self) -> int:
        return self.server.port

    def letters(self, user: str = "alice", count: int = 1) -> list[Letter]:
        """The letters of `user`, once there are `count`; more are an error."""
        found = self.mailboxes.wait_for_messages(user, count)
        assert len(found) == count
        return [Letter.parse(octets) for octets in found]

    def reports(self, user: str = "alice", count: int = 1) -> list[EmailMessage]:
        """The reports in the mailbox of `user`, once there are `count` messages there."""
        found = [
            message_from_bytes(octets, policy=policy.default)
            for octets in self.mailboxes.wait_for_messages(user, count)
        ]
        assert len(found) == count
        assert all(report.get_content_type() == "multipart/report" for report in found)
        return found

    def clear(self) -> None:
        """Empty all mailboxes, and the queue before them: nothing old arrives later."""
        wait_until(lambda: self.server.waiting_messages() == 0, "an empty queue", 20)
        for user in USERS:
            for path in (self.mailboxes.maildir(user) / "new").glob("*"):
                path.unlink()


@contextmanager
def house(
    directory: Path,
    *,
    routes: Mapping[str, str] | None = None,
    port: int = 0,
    domain: str = DOMAIN,
    users: Collection[str] = USERS,
    retry: str = "1s",
    extra: str = "",
) -> Iterator[House]:
    """heloise with mailboxes for `users` at `domain`, and with `routes` from domains to next hops.

    `retry` is the time between two attempts. Its log is in heloise.log in `directory`.
    """
    directory.mkdir(exist_ok=True)
    configuration, state = directory / "heloise.toml", directory / "state"
    text = _CONFIGURATION.format(
        port=port,
        domain=domain,
        users="".join(f'[[user]]\nname = "{user}"\n' for user in users),
        routes="".join(f'[[route]]\ndomains = ["{domain}"]\nto = "{hop}"\n' for domain, hop in (routes or {}).items()),
        retry=retry,
        extra=extra,
    )
    configuration.write_text(text, encoding="utf-8")
    with served(configuration, state, log=directory / "heloise.log") as server:
        yield House(server, Mailboxes(state / "mail"))


def fields_of_report(report: EmailMessage) -> tuple[Fields, list[Fields]]:
    """The fields of a delivery status notification: about the message, and about each recipient. RFC 3464 §2.1."""
    [status] = [part for part in report.walk() if part.get_content_type().endswith("delivery-status")]
    # By hand, since the standard library knows nothing of message/global-delivery-status (RFC 6533 §4).
    octets = status.as_bytes(policy=policy.default.clone(refold_source="none")).partition(b"\n\n")[2]
    if status["Content-Transfer-Encoding"] == "base64":
        octets = b64decode(octets)
    groups = octets.decode().replace("\r\n", "\n").strip("\n").split("\n\n")
    first, *others = ({name: str(value) for name, value in message_from_string(group).items()} for group in groups)
    return first, others
