"""A corpus of bad clients: each violation is found, once, with its clause and its octets; and a good one has none."""

import asyncio
from dataclasses import dataclass

import pytest

from heloise.lint.rules import ANSWERED
from heloise.mail.causes import CATALOGUE
from heloise.mail.violation import Violation
from tests.failing.house import Stage as Scene
from tests.failing.house import play

HEADER = b"From: a@b.test\r\nDate: Sat, 28 Nov 2026 22:00:00 +0000\r\nMessage-ID: <1@b.test>\r\n"
GOOD = HEADER + b"Subject: hi\r\n\r\nIt works.\r\n.\r\n"
EHLO = b"EHLO client.test\r\n"
OPEN = (EHLO, b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<c@d.test>\r\n", b"DATA\r\n")
QUIT = b"QUIT\r\n"


@dataclass(frozen=True, slots=True)
class Bad:
    """A client that says `parts`, each after a reply, and then what it is to be told."""

    found: str
    parts: tuple[bytes, ...]
    shown: bytes


def content(octets: bytes, mail: bytes = b"MAIL FROM:<a@b.test>\r\n") -> tuple[bytes, ...]:
    return (EHLO, mail, b"RCPT TO:<c@d.test>\r\n", b"DATA\r\n", octets, QUIT)


CORPUS = (
    Bad("line.ending", (EHLO, b"NOOP\nRSET\r\n", QUIT), b"NOOP\nRSET"),
    Bad("content.line-ending", content(HEADER + b"\r\nbare\nLF\r\n.\r\n"), b"bare\nLF"),
    Bad(
        "sequence.nested-mail", (EHLO, b"MAIL FROM:<>\r\n", b"MAIL FROM:<x@y.test>\r\n", QUIT), b"MAIL FROM:<x@y.test>"
    ),
    Bad("sequence.hello-first", (b"MAIL FROM:<>\r\n", QUIT), b"MAIL FROM:<>"),
    Bad("sequence.mail-first", (EHLO, b"RCPT TO:<a@b.test>\r\n", QUIT), b"RCPT TO:<a@b.test>"),
    Bad("sequence.rcpt-first", (EHLO, b"MAIL FROM:<>\r\n", b"DATA\r\n", QUIT), b"DATA"),
    Bad("size.over-limit", (EHLO, b"MAIL FROM:<> SIZE=99999999\r\n", QUIT), b"SIZE=99999999"),
    Bad("lint.size", content(GOOD, b"MAIL FROM:<a@b.test> SIZE=10\r\n"), b"SIZE=10, "),
    Bad("lint.pipelining", (EHLO + b"MAIL FROM:<>\r\n", b"", QUIT), b"EHLO client.test\r\nMAIL FROM:<>\r\n"),
    Bad("lint.pipelining", (*OPEN[:-1], b"DATA\r\n" + GOOD, b"", QUIT), b"DATA\r\nFrom: a@b.test\r\n"),
    Bad("lint.pipelining", (b"HELO client.test\r\n", b"NOOP\r\nRSET\r\n", b"", QUIT), b"NOOP\r\nRSET\r\n"),
    Bad("lint.text-line", content(HEADER + b"\r\n" + b"x" * 999 + b"\r\n.\r\n"), b"x" * 200),
    Bad("lint.date", content(b"From: a@b.test\r\nMessage-ID: <1@b>\r\n\r\nhi\r\n.\r\n"), b"From: a@b.test"),
    Bad("lint.from", content(b"Date: today\r\nMessage-ID: <1@b>\r\n\r\nhi\r\n.\r\n"), b"Date: today"),
    Bad("lint.message-id", content(b"Date: today\r\nFrom: a@b.test\r\n\r\nhi\r\n.\r\n"), b"Date: today"),
    Bad("lint.field-twice", content(HEADER + b"Subject: a\r\nsubject: b\r\n\r\nhi\r\n.\r\n"), b"subject"),
    Bad("lint.eight-bit", content(HEADER + b"\r\ngr\xfc\xdfe\r\n.\r\n"), b"gr\xfc\xdfe"),
    Bad("lint.after-quit", (EHLO, b"QUIT\r\nNOOP\r\n"), b"QUIT\r\nNOOP\r\n"),
    Bad("lint.no-quit", (EHLO,), b"EHLO client.test"),
    Bad("lint.hello-name", (b"EHLO under_score.test\r\n", QUIT), b"EHLO under_score.test"),
    Bad("hello.name", (b"EHLO two words\r\n", QUIT), b"EHLO two words"),
    Bad("command.unknown", (EHLO, b"FETCH mail\r\n", QUIT), b"FETCH mail"),
    Bad("command.argument", (EHLO, b"RSET now\r\n", QUIT), b"RSET now"),
    Bad("path.syntax", (EHLO, b"MAIL FROM: a@b.test\r\n", QUIT), b"MAIL FROM: a@b.test"),
    Bad("parameter.unknown", (EHLO, b"MAIL FROM:<> COLOUR=red\r\n", QUIT), b"COLOUR=red"),
    Bad("parameter.twice", (EHLO, b"MAIL FROM:<> SIZE=1 SIZE=1\r\n", QUIT), b"SIZE=1 SIZE=1"),
    Bad("line.too-long", (EHLO, b"NOOP " + b"x" * 5000 + b"\r\n", QUIT), b"x" * 100),
)


def say(*parts: bytes, pedantic: bool = False) -> tuple[list[Violation], list[str]]:
    """What a client that says this is told of, and what it hears."""
    violations: list[Violation] = []
    heard: list[str] = []

    async def act(scene: Scene) -> None:
        client = await scene.connect()
        await client.reply()
        for part in parts:
            if part:
                client.stream.send(part)
            heard.append(await client.reply())
        client.stream.close()
        await asyncio.sleep(10)  # of virtual time: the server hears of it
        violations.extend(scene.running.violations)

    play(act, pedantic=pedantic)
    return violations, heard


@pytest.mark.parametrize(
    "bad", CORPUS, ids=lambda bad: f"{bad.found}-{bad.parts[-2 if len(bad.parts) > 1 else 0][:20]!r}"
)
def test_each_violation_is_found_once(bad: Bad) -> None:
    violations, _ = say(*bad.parts)
    assert [each.kind.id for each in violations] == [bad.found]
    (violation,) = violations
    assert bad.shown[:100] in violation.octets
    assert violation.kind.clause.startswith("RFC ")
    assert bad.found in str(violation)


def test_a_client_that_keeps_the_rules_is_told_nothing() -> None:
    group = b"MAIL FROM:<a@b.test> BODY=8BITMIME SIZE=300\r\nRCPT TO:<c@d.test>\r\nRCPT TO:<e@f.test>\r\nDATA\r\n"
    eight_bit = HEADER + b"\r\n" + "grüße".encode() + b"x" * 980 + b"\r\n.\r\n"
    violations, heard = say(EHLO, b"NOOP\r\n", group.replace(b" SIZE=300", b""), b"", b"", b"", eight_bit, QUIT)
    assert violations == []
    assert [reply[:3] for reply in heard] == ["250", "250", "250", "250", "250", "354", "250", "221"]


def test_a_refused_recipient_is_not_the_clients_doing_and_neither_is_its_echo() -> None:
    violations: list[Violation] = []

    async def act(scene: Scene) -> None:
        client = await scene.client()
        client.stream.send(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n")
        assert [(await client.reply())[:3] for _ in range(3)] == ["550", "503", "503"]
        await client.say("QUIT")
        violations.extend(scene.running.violations)

    play(act, "550 at mail")
    assert [each.kind.id for each in violations] == []


@pytest.mark.parametrize(
    ("parts", "codes"),
    [
        (content(b"Subject: no date\r\n\r\nhi\r\n.\r\n"), ["250", "250", "250", "354", "554", "221"]),
        (content(HEADER + b"\r\n" + b"x" * 999 + b"\r\n.\r\n"), ["250", "250", "250", "354", "554", "221"]),
        ((EHLO + b"MAIL FROM:<>\r\n",), ["421"]),
        ((*OPEN[:-1], b"DATA\r\n" + GOOD), ["250", "250", "250", "421"]),
        (content(GOOD), ["250", "250", "250", "354", "250", "221"]),
    ],
)
def test_a_pedantic_server_refuses_what_others_bear(parts: tuple[bytes, ...], codes: list[str]) -> None:
    _, heard = say(*parts, pedantic=True)
    assert [reply[:3] for reply in heard] == codes


def test_the_rules_are_in_the_catalogue() -> None:
    assert set(CATALOGUE) >= ANSWERED
