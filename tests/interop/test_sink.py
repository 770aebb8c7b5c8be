"""What becomes of mail when the next hop fails at each command, in each way that Postfix's smtp-sink knows.

One heloise has a sink for each row of the table. Every row gets a message for three. Then the sinks that failed are
replaced by sound ones, and what was delayed has to arrive, once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from heloise.dsn.parse import parse_report
from tests.interop.house import House, house
from tests.interop.letters import EIGHT_BIT
from tests.interop.test_relay import submit
from tests.peers import SmtpSink, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

USERS = ("ann", "ben", "cat")


@dataclass(frozen=True, slots=True)
class Row:
    """With these options of the sink each of the recipients is `action` at `stage`, after a reply that starts so.

    `doubtful`: the sink has the message and said nothing, so it comes a second time.
    """

    options: str
    action: str
    stage: str
    reply: str
    doubtful: bool = False
    lmtp: bool = False


def _taken(*options: str) -> list[Row]:
    return [Row(each, "relayed", "content", "250 2.0.0 Ok") for each in options]


_SOFT, _HARD, _CLOSING = "450 4.3.0 Error: command failed", "500 5.3.0 Error: command failed", "421 4.0.0 Server clos"
_LOST, _NO_REPLY = "421 4.4.2 Connection lost (", "421 4.4.2 No reply to the final dot: "

TABLE = [
    # Nothing wrong; extensions that are not there.
    *_taken("-p", "-P", "-E -e", "-8", "-N"),
    # 4yz
    Row("-r CONNECT", "delayed", "greeting", _SOFT),
    Row("-r EHLO", "delayed", "hello", _SOFT),
    Row("-e -r HELO", "delayed", "hello", _SOFT),
    Row("-r MAIL", "delayed", "mail", _SOFT),
    Row("-r RCPT", "delayed", "rcpt", _SOFT),
    Row("-r RCPT,RSET", "delayed", "rcpt", _SOFT),
    Row("-r DATA", "delayed", "data", _SOFT),
    Row("-r .", "delayed", "content", _SOFT),
    # 5yz
    Row("-f CONNECT", "failed", "greeting", _HARD),
    Row("-f EHLO,HELO", "failed", "hello", _HARD),
    Row("-f MAIL", "failed", "mail", _HARD),
    Row("-f RCPT", "failed", "rcpt", _HARD),
    Row("-f RCPT,RSET", "failed", "rcpt", _HARD),
    Row("-f DATA", "failed", "data", _HARD),
    Row("-f .", "failed", "content", _HARD),
    # 5yz where it means something else, or nothing
    *_taken("-f EHLO", "-f QUIT", "-r QUIT", "-f RSET", "-r RSET", "-f NOOP,VRFY"),
    # hanging up without a word
    Row("-q CONNECT", "delayed", "greeting", _LOST),
    Row("-q EHLO,HELO", "delayed", "hello", _LOST),
    Row("-q MAIL", "delayed", "mail", _LOST),
    Row("-q RCPT", "delayed", "rcpt", _LOST),
    Row("-q DATA", "delayed", "data", _LOST),
    Row("-q .", "delayed", "content", _NO_REPLY, doubtful=True),
    *_taken("-q QUIT", "-q RSET", "-q EHLO"),
    # hanging up with 421
    Row("-Q CONNECT", "delayed", "greeting", _CLOSING),
    Row("-Q EHLO", "delayed", "hello", _CLOSING),
    Row("-Q MAIL", "delayed", "mail", _CLOSING),
    Row("-Q RCPT", "delayed", "rcpt", _CLOSING),
    Row("-Q DATA", "delayed", "data", _CLOSING),
    Row("-Q .", "delayed", "content", _CLOSING),
    *_taken("-Q QUIT", "-Q RSET"),
    # an end in the middle of the text
    Row("-A 0", "failed", "content", "550 This violates SMTP"),
    # slow, within what RFC 5321 §4.5.3.2 allows
    # With -p, since a sink that waits forgets what came with the command it waits at.
    *_taken(*(f"-p -W {command}:2" for command in ("EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT")), "-w 2"),
    # LMTP: a reply for each after the dot. RFC 2033
    Row("-L", "delivered", "content", "250 2.2.0 Ok", lmtp=True),
    Row("-L -r LHLO", "delayed", "hello", _SOFT, lmtp=True),
    Row("-L -f RCPT", "failed", "rcpt", _HARD, lmtp=True),
    Row("-L -r .", "delayed", "content", _SOFT, lmtp=True),
    Row("-L -f .", "failed", "content", _HARD, lmtp=True),
    Row("-L -q .", "delayed", "content", _NO_REPLY, lmtp=True, doubtful=True),
]


@dataclass(frozen=True, slots=True)
class Told:
    """What the server logged about one recipient of one attempt."""

    recipient: str
    action: str
    stage: str
    reply: str


def domain(row: Row) -> str:
    return f"row{TABLE.index(row)}.test"


def attempts(log: Path) -> list[Told]:
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"delivery.attempted"' in line]
    return [
        Told(line["recipient"][1:-1], line["action"], line["stage"], line["reply"])
        for line in lines
        if not line["route"].startswith("maildir:")
    ]


@contextmanager
def sinks(ports: dict[str, int], *, sound: bool) -> Iterator[dict[str, SmtpSink]]:
    with ExitStack() as stack:
        started = {}
        for row in TABLE:
            options = ("-L" if row.lmtp else "").split() if sound else row.options.split(" ")
            sink = stack.enter_context(SmtpSink(*options, port=ports.get(domain(row))))
            started[domain(row)] = sink
        yield started


def copies(sink: SmtpSink, name: str) -> Counter[str]:
    """How often each recipient is among the transactions that came to their text."""
    found = sink.transactions()
    assert all(b"Content-Type: text/plain" in dumped.text for dumped in found), f"changed on the way to {name}"
    return Counter(recipient for dumped in found for recipient in dumped.recipients)


def check_reports(heloise: House, failed: set[str]) -> None:
    """Each failure is reported, once, and nothing else is."""
    reports = [parse_report(octets) for octets in heloise.mailboxes.wait_for_messages("alice", len(failed) // 3)]
    told = [recipient for report in reports if report is not None for recipient in report.recipients]
    assert Counter(recipient.address for recipient in told) == Counter(failed)
    assert {str(recipient.action and recipient.action.value) for recipient in told} == {"failed"}


def test_every_fault_has_its_outcome_and_what_was_delayed_arrives_once_from_a_sound_server(tmp_path: Path) -> None:
    log = tmp_path / "heloise.log"
    everybody = {f"{user}@{domain(row)}" for row in TABLE for user in USERS}
    with sinks({}, sound=False) as faulty:
        ports = {name: sink.port for name, sink in faulty.items()}
        routes = {domain(row): f"{'lmtp' if row.lmtp else 'smtp'}:127.0.0.1:{ports[domain(row)]}" for row in TABLE}
        extra = '[log]\nformat = "json"\n'
        with house(tmp_path, routes=routes, retry="1h", extra=extra) as heloise:
            for row in TABLE:
                submit(heloise.port, [f"{user}@{domain(row)}" for user in USERS], EIGHT_BIT, mail=["BODY=8BITMIME"])
            wait_until(lambda: len(attempts(log)) >= len(everybody), "an attempt for everybody", 60)
            first = attempts(log)
            assert Counter(told.recipient for told in first) == Counter(everybody)
            wrong = []
            for row in TABLE:
                for told in first:
                    right = (told.action, told.stage) == (row.action, row.stage) and told.reply.startswith(row.reply)
                    if told.recipient.endswith(f"@{domain(row)}") and not right:
                        wrong.append(f"{row}: {told}")
            assert wrong == [], "\n".join(wrong)
            check_reports(heloise, {told.recipient for told in first if told.action == "failed"})
            kept = {name: copies(sink, name) for name, sink in faulty.items()}
            for sink in faulty.values():
                sink.__exit__()
            with sinks(ports, sound=True) as sound:
                heloise.server.control({"do": "retry"})
                wait_until(lambda: heloise.server.waiting_messages() == 0, "an empty queue", 30)
                later = {name: copies(sink, name) for name, sink in sound.items()}
            check_reports(heloise, {told.recipient for told in first if told.action == "failed"})
    for row in TABLE:
        users = Counter(f"{user}@{domain(row)}" for user in USERS)
        delayed = row.action == "delayed"
        assert later[domain(row)] == (users if delayed else Counter()), row
        if row.doubtful or row.action in ("relayed", "delivered"):
            assert kept[domain(row)] == users, row
