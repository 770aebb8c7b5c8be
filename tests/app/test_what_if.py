"""Sessions that were recorded come to the same with the same configuration, and with another to what it changes."""

import asyncio
import json
import smtplib
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from heloise.app.again.recorded import RecordedSession, Said, Step, StepKind, decode, encode, steps_of
from heloise.app.again.replaying import filler, houses
from heloise.app.again.what_if import Compared, compare, synthetic
from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.cli.main import main
from heloise.config import Configuration, parse_configuration
from heloise.net import real_world
from heloise.reception.users import new_login
from heloise.smtp.transcript import Transcript, render
from tests.certificates import Authority
from tests.serving import served

BASE = """\
hostname = "mx.example.org"
state = "{state}"
processes = 1
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["example.org"]
postmaster = "alice"
[[user]]
name = "alice"
[[user]]
name = "bob"
[aliases]
team = ["alice", "bob"]
[relay]
networks = []
[[route]]
domains = ["there.test"]
to = "smtp:127.0.0.1:9"
for_strangers = true
[limits]
message_size = 5000
[policy]
hello_short = "refuse"
[recording]
file = "{file}"
"""
SAID = """\
# client: 192.0.2.7
C: EHLO client.example.net
C: MAIL FROM:<a@sender.test> SIZE=3000
C: RCPT TO:<alice@example.org>
C: RCPT TO:<team@example.org>
C: RCPT TO:<nobody@example.org>
C: DATA
C: [message, 3000 octets]
C: QUIT

# client: 192.0.2.8
C: EHLO short
C: EHLO client.example.net
C: MAIL FROM:<a@sender.test>
C: RCPT TO:<bob@example.org>
C: DATA
C: [message, 6000 octets]
C: MAIL FROM:<>
C: RCPT TO:<x@there.test>
C: RCPT TO:<x@elsewhere.test>
C: RSET
C: VRFY alice
C: NONSENSE
C: QUIT
"""


def configuration(**changes: tuple[str, str]) -> Configuration:
    """The one above, with each text in place of another one."""
    text = BASE.format(state="state", file="sessions")
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return parse_configuration(text, directory="/d")


def compared(sessions: Any, old: Configuration, new: Configuration) -> list[Compared]:
    """Both played."""

    async def run() -> list[Compared]:
        async with houses({"old": old, "new": new}, asks_dns=False) as both:
            return [each async for each in compare(sessions, both["old"], both["new"])]

    return asyncio.run(run())


def told(found: list[Compared]) -> list[tuple[str, str, str, bool]]:
    """Step, old and new codes and routes, and whether it only follows."""
    return [
        (
            one.step,
            " ".join([*(str(each.code) for each in one.old), *one.old_routes]),
            " ".join([*(str(each.code) for each in one.new), *one.new_routes]),
            one.follows,
        )
        for each in found
        for one in each.differences
    ]


def test_the_same_configuration_makes_no_difference() -> None:
    found = compared(tuple(decode(SAID)), configuration(), configuration())
    assert len(found) == 2
    assert told(found) == []


CHANGES: list[tuple[dict[str, tuple[str, str]], list[tuple[str, str, str, bool]]]] = [
    (
        {"user": ('[[user]]\nname = "bob"\n', ""), "alias": ('team = ["alice", "bob"]', 'team = ["alice"]')},
        [
            (
                "RCPT TO:<team@example.org>",
                "250 <alice@example.org> → maildir:alice <bob@example.org> → maildir:bob",
                "250 <alice@example.org> → maildir:alice",
                False,
            ),
            ("RCPT TO:<bob@example.org>", "250 <bob@example.org> → maildir:bob", "550", False),
            ("DATA", "354", "554", True),
            ("(message of 6000 octets)", "552", "", True),
        ],
    ),
    (
        {"route": ("smtp:127.0.0.1:9", "smtp:127.0.0.1:10")},
        [
            (
                "RCPT TO:<x@there.test>",
                "250 <x@there.test> → smtp:127.0.0.1:9",
                "250 <x@there.test> → smtp:127.0.0.1:10",
                False,
            )
        ],
    ),
    (
        {"relay": ("networks = []", 'networks = ["192.0.2.8"]')},
        [
            # Who may relay is no stranger, so checks and VRFY have other answers.
            ("EHLO short", "550", "250", False),
            ("EHLO client.example.net", "250", "250", False),
            ("RCPT TO:<x@elsewhere.test>", "550", "250 <x@elsewhere.test> → mx:elsewhere.test", False),
            ("VRFY alice", "252", "250", False),
        ],
    ),
    ({"hello": ('hello_short = "refuse"', 'hello_short = "off"')}, [("EHLO short", "550", "250", False)]),
    (
        {"listener": ("127.0.0.1:0", "127.0.0.1:26")},  # no session was recorded with an address
        [],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CHANGES, ids=[next(iter(each)) for each, _ in CHANGES])
def test_one_changed_rule_makes_exactly_its_differences(
    changes: dict[str, tuple[str, str]], expected: list[tuple[str, str, str, bool]]
) -> None:
    assert told(compared(tuple(decode(SAID)), configuration(), configuration(**changes))) == expected


def test_a_limit_changes_what_is_offered_and_what_is_taken() -> None:
    found = told(compared(tuple(decode(SAID)), configuration(), configuration(size=("5000", "2000"))))
    steps = [each[0] for each in found if not each[3]]
    assert steps[:2] == ["EHLO client.example.net", "MAIL FROM:<a@sender.test> SIZE=3000"]
    assert ("(message of 6000 octets)", "552", "552", False) not in found


def test_a_listener_that_is_gone_is_told() -> None:
    steps = (Step(StepKind.GREETING),)
    session = RecordedSession(session_id="s", client="192.0.2.7", listener="192.0.2.1:587", steps=steps)
    found = compared([session], configuration(address=("127.0.0.1:0", "192.0.2.1:587")), configuration())
    assert found[0].nobody_listens == "in the new configuration"


def test_what_a_memory_decided_is_taken_from_the_record() -> None:
    steps = (
        Step(StepKind.GREETING, said=(Said(220, "session.greeting"),)),
        Step(StepKind.LINE, "EHLO a.b", said=(Said(250, "hello.accepted"),)),
        Step(StepKind.LINE, "MAIL FROM:<a@b.test>", said=(Said(250, "mail.accepted"),)),
        Step(StepKind.LINE, "RCPT TO:<alice@example.org>", said=(Said(451, "greylist.wait", None, "Come back"),)),
        Step(StepKind.LINE, "DATA", said=(Said(503, "data.no-recipients"),)),
    )
    session = RecordedSession(session_id="s", client="192.0.2.7", steps=steps)
    other = configuration(user=('name = "bob"', 'name = "bert"'), alias=('"bob"]', '"bert"]'))
    (found,) = compared([session], configuration(), other)
    assert (found.given, found.differences) == (1, ())
    assert [one.step for one in found.unlike] in ([], ["DATA"])


@pytest.mark.parametrize("size", [0, 1, 2, 3, 21, 22, 79, 80, 100, 62_400, 70_001])
def test_a_message_that_was_not_kept_has_its_size_and_good_lines(size: int) -> None:
    octets = b"".join(filler(size))
    assert len(octets) == size
    assert octets.replace(b"\r\n", b"").find(b"\r") == octets.replace(b"\r\n", b"").find(b"\n") == -1
    assert size < 2 or octets.endswith(b"\r\n")


def test_made_up_sessions_ask_about_every_name_and_find_every_change() -> None:
    from heloise.app.configured.tables import routing_tables

    old = configuration()
    new = configuration(user=('name = "bob"', 'name = "bert"'), alias=('"bob"]', '"bert"]'), size=("5000", "2000"))
    sessions = synthetic((old, new), (routing_tables(old), routing_tables(new)))
    lines = {step.text for session in sessions for step in session.steps}
    assert {"RCPT TO:<bert@example.org>", "RCPT TO:<no-such-name@example.org>", "RCPT TO:<someone@there.test>"} <= lines
    assert told(compared(sessions, old, old)) == []
    steps = {each[0] for each in told(compared(sessions, old, new))}
    assert {"RCPT TO:<bob@example.org>", "RCPT TO:<bert@example.org>", "RCPT TO:<team@example.org>"} <= steps


def test_a_recorded_session_is_read_as_it_was_written() -> None:
    sessions = tuple(decode(SAID))
    assert tuple(decode("".join(map(encode, sessions)))) == sessions
    for bad in ('{"session": 1}', '{"session": "a"\n', '{"steps": [["C", "a\\nb", []]]}', '{"a": ' * 100):
        with pytest.raises(ValueError, match="line 1 is no recorded session"):
            tuple(decode(bad))


def test_a_transcript_as_it_is_shown_is_read() -> None:
    shown = "session A1 from 192.0.2.7 (over; 1 taken, 0 refused)\nS: 220 x\nC: EHLO a.b\n"
    first, second = decode(shown + "session A2 from 192.0.2.8\nC: NOOP\n")
    assert (first.session_id, first.client, first.steps[1].text) == ("A1", "192.0.2.7", "EHLO a.b")
    assert (second.session_id, second.client) == ("A2", "192.0.2.8")


def test_no_password_is_recorded() -> None:
    transcript = Transcript()
    for line in (b"AUTH PLAIN AGEAc2VjcmV0", b"AUTH LOGIN", b"c2VjcmV0", b"c2VjcmV0", b"NOOP"):
        transcript.command(line)
    steps = steps_of(transcript, "alice")
    assert [(step.kind, step.text) for step in steps] == [
        (StepKind.GREETING, ""),
        (StepKind.LOGIN, "alice"),
        (StepKind.LOGIN, "alice"),
        (StepKind.LINE, "NOOP"),
    ] or "c2Vj" not in str(steps)
    assert "c2Vj" not in str(steps)


def _record(tmp_path: Path, text: str, act: Callable[[int], None]) -> tuple[tuple[RecordedSession, ...], Configuration]:
    """What a real server records of what `act` does at its port."""
    kept = parse_configuration(text, directory=str(tmp_path))

    async def run() -> None:
        world = real_world()
        server = MailServer(kept, world, Journal(lambda level, event, fields: None))
        await server.start()
        try:
            await asyncio.to_thread(act, server.endpoints[0].port)  # type: ignore[union-attr]
        finally:
            await server.stop()
            await world.blocking.close()

    asyncio.run(run())
    return tuple(decode((tmp_path / "sessions").read_text())), kept


def test_sessions_of_a_server_are_replayed_with_no_difference(tmp_path: Path) -> None:
    """With TLS, a login, a pipelined group, BDAT, a refusal of each sort, and a client that hangs up."""
    files = Authority(tmp_path).issue("mx.example.org")
    users = tmp_path / "users"
    users.write_text(new_login("alice", "secret", (), b"salt").encode() + "\n")
    more = f'[[tls.certificate]]\nchain = "{files.chain}"\nkey = "{files.key}"\n[auth]\nusers = "{users}"\n[policy]'
    text = BASE.format(state=tmp_path / "state", file=tmp_path / "sessions").replace("[policy]", more)

    def act(port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", port, timeout=30, local_hostname="client.example.net") as client:
            client.starttls(context=context)
            client.login("alice", "secret")
            client.sendmail("a@b.test", ["x@elsewhere.test"], "Subject: x\r\n\r\nhello\r\n")
            client.sendmail("a@b.test", ["alice@example.org"], "Subject: x\r\n\r\nhello\r\n")
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@b.test", ["nobody@example.org"], "Subject: x\r\n\r\nhello\r\n")
        client = smtplib.SMTP("127.0.0.1", port, timeout=30, local_hostname="client.example.net")
        assert client.docmd("EHLO", "short")[0] == 550
        client.ehlo()
        assert client.sock is not None
        client.sock.sendall(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.org>\r\nBDAT 6 LAST\r\na: b\r\nVRFY bob\r\n")
        assert [client.getreply()[0] for _ in range(4)] == [250, 250, 250, 252]
        client.docmd("MAIL", "FROM:<a@b.test>")
        client.docmd("RCPT", "TO:<bob@example.org>")
        client.docmd("DATA")
        client.sock.sendall(b"x" * 6000 + b"\r\n.\r\n")
        assert client.getreply()[0] == 552
        client.close()

    sessions, kept = _record(tmp_path, text, act)
    assert len(sessions) == 2
    assert {step.kind for session in sessions for step in session.steps} >= {StepKind.TLS, StepKind.CONTENT}
    found = compared(sessions, kept, kept)
    assert told(found) == []
    unlike = [(one.number, one.step, one.old, one.new) for each in found for one in each.unlike]
    assert unlike == [], "\n".join(map(str, unlike))


def test_as_many_sessions_are_recorded_as_were_asked_for(tmp_path: Path) -> None:
    def act(port: int) -> None:
        for _ in range(5):
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                client.noop()

    text = BASE.format(state=tmp_path / "state", file=tmp_path / "sessions") + "sessions = 3\n"
    sessions, _ = _record(tmp_path, text, act)
    assert len(sessions) == 3
    assert (tmp_path / "sessions").stat().st_mode & 0o077 == 0


def test_who_is_turned_away_at_the_door_is_not_counted_as_recorded(tmp_path: Path) -> None:
    def act(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            for _ in range(5):
                with pytest.raises(smtplib.SMTPConnectError, match="421"):
                    smtplib.SMTP("127.0.0.1", port, timeout=30)
            client.noop()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # until the server has seen that the first one is gone
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                    client.noop()
                return
            except smtplib.SMTPConnectError:
                continue

    text = BASE.format(state=tmp_path / "state", file=tmp_path / "sessions") + "sessions = 2\n"
    one = text.replace('address = "127.0.0.1:0"', 'address = "127.0.0.1:0"\nmax_connections = 1')
    sessions, _ = _record(tmp_path, one, act)
    assert [[step.text for step in each.steps] for each in sessions] == [["", "noop", "QUIT"]] * 2


def test_a_reload_begins_to_record(tmp_path: Path) -> None:
    with_file = BASE.format(state=tmp_path / "state", file=tmp_path / "sessions")
    without = with_file[: with_file.index("[recording]")]

    async def run() -> None:
        world = real_world()
        journal = Journal(lambda level, event, fields: None)
        server = MailServer(parse_configuration(without, directory="/"), world, journal)
        await server.start()
        try:
            for text in (without, with_file):
                change = await server.prepare(parse_configuration(text, directory="/"))
                await change.commit()
                await asyncio.to_thread(noop, server.endpoints[0].port)  # type: ignore[union-attr]
        finally:
            await server.stop()
            await world.blocking.close()

    def noop(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.noop()

    asyncio.run(run())
    assert len(tuple(decode((tmp_path / "sessions").read_text()))) == 1


@pytest.mark.slow
def test_the_command_plays_what_a_served_process_recorded(tmp_path: Path) -> None:
    path, other = tmp_path / "heloise.toml", tmp_path / "new.toml"
    text = BASE.format(state="state", file="sessions")
    path.write_text(text)
    other.write_text(text.replace('name = "bob"', 'name = "bert"').replace('"bob"]', '"bert"]'))
    with served(path, tmp_path / "state", log=tmp_path / "log") as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=30, local_hostname="client.example.net") as client:
            client.sendmail("a@b.test", ["bob@example.org"], "Subject: x\r\n\r\nhello\r\n")
        assert server.stop() == 0
    known = ["what-if", "-c", str(path), "--against", str(other), "--passports", "bob@example.org", "--json"]
    asked = CliRunner().invoke(main, known)
    (told_of, *following) = json.loads(asked.stdout)["differences"]
    assert (asked.exit_code, told_of["said"], [each["code"] for each in told_of["new"]]) == (
        1,
        "RCPT TO:<bob@example.org>",
        [550],
    )
    assert all(each["follows"] for each in following)
    unchanged = CliRunner().invoke(main, [*known[:4], str(path), *known[5:]])
    assert (unchanged.exit_code, json.loads(unchanged.stdout)["unlike"]) == (0, 0), unchanged.output
    queue = sorted(each.name for each in (tmp_path / "state").rglob("*"))
    arguments = ["what-if", "-c", str(path), "--sessions", str(tmp_path / "sessions")]
    same = CliRunner().invoke(main, [*arguments, "--against", str(path)])
    assert (same.exit_code, "1 sessions played: no difference." in same.output) == (0, True), same.output
    changed = CliRunner().invoke(main, [*arguments, "--against", str(other), "--json"])
    assert changed.exit_code == 1
    first, *rest = json.loads(changed.stdout)["differences"]
    assert (first["said"].lower(), [each["code"] for each in first["new"]]) == ("rcpt to:<bob@example.org>", [550])
    assert first["new"][0]["rule"] == f"{other}:7"
    assert all(each["follows"] for each in rest)
    assert sorted(each.name for each in (tmp_path / "state").rglob("*")) == queue
    made_up = CliRunner().invoke(main, ["what-if", "-c", str(path), "--against", str(other)])
    assert made_up.exit_code == 1
    assert render(()) == ""
