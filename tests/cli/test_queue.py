"""`heloise queue`: what an operator sees of the queue, and does to it, when no server runs."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heloise.cli.main import main
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin
from heloise.net import real_world
from heloise.queue.model import NewMessage
from heloise.queue.sqlite import SqliteStore

CONFIGURATION = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:0"
"""
CONTENT = b"Subject: h\x1b[31mi\r\n\r\n" + b"\x00\xffx" * 100
CONTENT += b"x" * (455 - len(CONTENT))
FIRST, SECOND = MessageId("1M85D3F4K3WK0DX"), MessageId("1M85D3F4K3WK0DY")


def message(message_id: MessageId, *recipients: str) -> NewMessage:
    paths = [ForwardPath.parse(f"<{recipient}>".encode()) for recipient in recipients]
    submission = Submission(
        message_id=message_id,
        envelope=Envelope(
            reverse_path=ReversePath.parse(b"<me@example.test>"), recipients=tuple(map(Recipient, paths))
        ),
        routes=tuple(Route.parse(f"mx:{path.domain}") for path in paths),
        origin=Origin(
            hello_name="client.test", peer_address="192.0.2.9", protocol="ESMTP", session="S1", received_at=1.7e9
        ),
    )
    return NewMessage(submission=submission, facts=ContentFacts(size=455), octets=CONTENT)


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A configuration whose queue has two messages."""

    async def fill() -> None:
        world = real_world()
        store = SqliteStore(str(tmp_path / "state" / "queue"), world)
        await store.open()
        await store.insert(message(FIRST, "a@one.test", "b@two.test"))
        await store.insert(message(SECOND, "c@two.test"))
        await store.close()
        await world.blocking.close()

    path = tmp_path / "heloise.toml"
    path.write_text(CONFIGURATION)
    asyncio.run(fill())
    return str(path)


def queue(what: str, file: str, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["queue", what, "-c", file, *arguments], input=stdin)


def recipients(file: str, *arguments: str) -> dict[str, str]:
    """Recipient → state."""
    found = json.loads(queue("list", file, "--json", *arguments).stdout)
    return {each["recipient"]: each["state"] for entry in found for each in entry["recipients"]}


def test_the_list_shows_messages_recipients_and_a_sum(file: str) -> None:
    text = queue("list", file).stdout
    assert text.splitlines()[0].split() == ["MESSAGE", "AGE", "SIZE", "RECIPIENT,", "LAST", "WORD", "STATE", "NEXT"]
    assert "<b@two.test>" in text
    assert text.splitlines()[-1] == "2 messages; recipients: 3 waiting."
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_the_list_is_narrowed_by_age_size_and_reason(file: str) -> None:
    everybody = {"<a@one.test>", "<b@two.test>", "<c@two.test>"}
    assert set(recipients(file, "--older", "2h")) == everybody
    assert recipients(file, "--newer", "2h") == {}
    assert recipients(file, "--larger", "455") == {}
    assert set(recipients(file, "--larger", "454", "--smaller", "1KiB")) == everybody
    assert recipients(file, "--reason", "4.7.1") == {}
    assert set(recipients(file, "--older", "2h", "--domain", "one.test")) == {"<a@one.test>", "<b@two.test>"}


def test_an_age_or_a_size_that_is_none_is_refused_with_an_example(file: str) -> None:
    assert 'is not a duration; write it like "30s"' in queue("list", file, "--older", "2 hours").stderr
    assert 'is not a size; write it like "35 MiB"' in queue("list", file, "--larger", "big").stderr


def test_recipients_are_redirected_to_a_route(file: str) -> None:
    result = queue("redirect", file, "--domain", "two.test", "--to", "smtp:relay.test:25")
    assert result.stdout == "2 recipients redirected, to be tried now.\n"
    found = json.loads(queue("list", file, "--json", "--route", "smtp:relay.test:25").stdout)
    assert [entry["id"] for entry in found] == [FIRST, SECOND]


def test_recipients_are_redirected_to_an_address_which_is_routed_anew(file: str) -> None:
    assert queue("redirect", file, SECOND, "--to", "new@three.test").exit_code == 0
    (entry,) = json.loads(queue("list", file, "--json", "--recipient", "new@three.test").stdout)
    (recipient,) = entry["recipients"]
    assert recipient["route"] == "mx:three.test"
    assert recipient["parameters"] == "ORCPT=rfc822;c@two.test"
    result = queue("redirect", file, SECOND, "--to", "nowhere")
    assert result.exit_code == 2
    assert "is neither a route, such as smtp:host:25, nor an address" in result.stderr


def test_what_changes_much_wants_to_know_what(file: str) -> None:
    for what in ("hold", "release", "retry", "remove"):
        assert "Say which: a message id, a filter, or --all." in queue(what, file).stderr
    assert "Say which" in queue("redirect", file, "--to", "smtp:relay.test:25").stderr
    assert queue("hold", file, "--all").stdout == "3 recipients held.\n"


def test_the_content_comes_octet_for_octet(file: str) -> None:
    result = queue("show", file, FIRST, "--content")
    assert result.stdout_bytes == CONTENT
    assert queue("show", file, "01A", "--content").exit_code == 1


def test_a_header_can_not_play_with_the_terminal(file: str) -> None:
    text = queue("show", file, FIRST).stdout
    assert "Subject: h\\x1b[31mi" in text
    assert "\x1b" not in text
    assert "x" * 20 not in text, "the body is not shown"
    assert json.loads(queue("show", file, FIRST, "--json").stdout)["header"].startswith("Subject: h\x1b[31mi")


def test_the_list_is_narrowed_by_domain(file: str) -> None:
    assert set(recipients(file, "--domain", "one.test")) == {"<a@one.test>", "<b@two.test>"}
    assert set(recipients(file, SECOND.lower())) == {"<c@two.test>"}
    assert queue("list", file, "--domain", "one.test").stdout.endswith(
        "1 selected, of 2 messages; recipients: 3 waiting.\n"
    )


def test_one_message_is_shown_with_all_there_is(file: str) -> None:
    text = queue("show", file, FIRST).stdout
    assert text.startswith(f"{FIRST}\n")
    assert "brought by  192.0.2.9 (client.test), session S1" in text
    assert "route     mx:one.test" in text


def test_a_message_that_is_not_there_ends_with_1(file: str) -> None:
    result = queue("show", file, "01A")
    assert result.exit_code == 1
    assert result.stderr == "No message 01A is in the queue; `heloise trace 01A` may tell what became of it.\n"


def test_hold_release_and_retry_change_those_selected(file: str) -> None:
    assert queue("hold", file, "--domain", "two.test").stdout == "2 recipients held.\n"
    assert recipients(file) == {"<a@one.test>": "waiting", "<b@two.test>": "held", "<c@two.test>": "held"}
    assert queue("retry", file, "--all").stdout == "1 recipient to be tried now.\n"
    assert queue("release", file, SECOND).stdout == "1 recipient released.\n"
    assert recipients(file, "--state", "held") == {"<a@one.test>": "waiting", "<b@two.test>": "held"}


def test_nothing_is_changed_without_saying_which(file: str) -> None:
    result = queue("hold", file)
    assert result.exit_code == 2
    assert "Say which: a message id, a filter, or --all." in result.stderr


def test_remove_asks_first(file: str) -> None:
    result = queue("remove", file, SECOND, stdin="n\n")
    assert result.exit_code == 1
    assert "Nothing was removed." in result.stderr
    assert "<c@two.test>" in recipients(file)
    assert queue("remove", file, SECOND, stdin="y\n").exit_code == 0
    assert "<c@two.test>" not in recipients(file)


def test_remove_does_not_ask_with_yes(file: str) -> None:
    assert queue("remove", file, "--all", "--yes").stdout == "3 recipients removed.\n"
    assert queue("list", file).stdout == "The queue is empty.\n"


def test_what_selects_nobody_ends_with_1(file: str) -> None:
    assert queue("hold", file, "--domain", "three.test").exit_code == 1


def test_asking_does_not_make_a_queue(tmp_path: Path) -> None:
    path = tmp_path / "heloise.toml"
    path.write_text(CONFIGURATION)
    assert queue("list", str(path)).stdout == "The queue is empty.\n"
    assert queue("list", str(path), "--json").stdout == "[]\n"
    assert queue("hold", str(path), "--all").exit_code == 1
    assert not (tmp_path / "state").exists()
