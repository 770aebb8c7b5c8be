"""An operator's own file of Python: what it says holds, whatever goes wrong with it, and when it changes."""

import asyncio
import threading
from pathlib import Path

import pytest
from examples import policy as example

from heloise.net import real_world
from heloise.policy import CONTINUE, MailView, Stage, Verdict, View, refuse
from heloise.policy.hooks import HookError, Hooks, HookSet, load_hooks
from heloise.smtp import replies
from heloise.testing import (
    connect_view,
    data_view,
    hello_view,
    hook_verdict,
    lookup_view,
    mail_view,
    message_view,
    rcpt_view,
    refused_view,
    unknown_view,
)
from tests.policy.house import Client, House, at_home

PATH = "/var/lib/heloise/policy.py"
MORE = '[policy]\nhooks = "policy.py"\nhook_deadline = "2s"\n'
HEAD = "from heloise.policy import *\nimport asyncio\n"
REFUSES = HEAD + 'async def on_mail(view):\n    return refuse("Not today")\n'


def write(house_or_world: object, source: str) -> None:
    files = getattr(house_or_world, "files", None) or house_or_world.host.world.files  # type: ignore[attr-defined]
    if files.exists(PATH):
        files.remove(PATH)
    file = files.create(PATH)
    file.write(source.encode())
    file.close()


async def says_to_mail(client: Client) -> str:
    await client.say("RSET")
    return (await client.say("MAIL FROM:<c@client.test>"))[:9]


def with_hooks(source: str, play: object) -> None:
    at_home(play, more=MORE, before=lambda host: write(host.world, source))  # type: ignore[arg-type]


def test_a_hook_refuses_with_its_own_words() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert await client.say("MAIL FROM:<c@client.test>") == "550 5.7.1 Not today"
        assert house.events("command.refused")[0]["cause"] == "policy.refused"

    with_hooks(REFUSES, play)


def test_a_changed_file_holds_from_the_next_second_on_and_a_broken_one_leaves_the_last() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert await says_to_mail(client) == "550 5.7.1"
        for broken in (
            "def on_mail(view:\n",
            HEAD + "def on_mial(view): ...\n",
            "1 / 0\n",
            "import nothing_of_the_sort\n",
        ):
            write(house, broken)
            await asyncio.sleep(3)
            assert await says_to_mail(client) == "550 5.7.1"
        problems = [str(each["problem"]) for each in house.events("hooks.broken")]
        assert "policy.py:1: SyntaxError" in problems[0]
        assert "did you mean on_mail?" in problems[1]
        assert "policy.py:1: ZeroDivisionError" in problems[2]
        assert "policy.py:1: ModuleNotFoundError" in problems[3]
        write(house, HEAD + "def on_mail(view):\n    return later('Tomorrow')\n")
        await asyncio.sleep(3)
        assert await says_to_mail(client) == "451 4.7.1"
        assert house.events("hooks.read")[-1]["stages"] == ["mail"]

    with_hooks(REFUSES, play)


@pytest.mark.parametrize(
    ("body", "cause", "told"),
    [
        ("await asyncio.sleep(60)", "policy.overrun", "longer than 2 seconds"),
        ("raise LookupError('no such row')", "policy.fault", "LookupError: no such row"),
        ("return None", "policy.fault", "no Verdict"),
        ("return refuse('x', code=250)", "policy.fault", "ValueError"),
    ],
)
def test_a_hook_in_trouble_is_451_and_the_session_goes_on(body: str, cause: str, told: str) -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert await says_to_mail(client) == "451 4.3.0"
        assert house.events("command.refused")[0]["cause"] == cause
        assert told in str(house.events("policy.trouble")[0]["trouble"])
        assert (await client.say("NOOP")).startswith("250")

    with_hooks(f"{HEAD}async def on_mail(view):\n    {body}\n", play)


def test_a_new_hook_that_wants_messages_sees_those_of_the_next_session() -> None:
    async def play(house: House) -> None:
        await (await house.greeted()).send()
        write(house, HEAD + "def on_message(view):\n    return add_field('X-Size', str(len(view.header)))\n")
        await asyncio.sleep(3)
        await (await house.greeted("203.0.113.4")).send()
        stored = [text for _, text in await house.queued()]
        assert ["X-Size: " in text for text in stored] == [False, True]

    with_hooks(HEAD + "def on_mail(view):\n    return CONTINUE\n", play)


def test_a_function_that_blocks_holds_up_nobody_else() -> None:
    release = threading.Event()

    def on_mail(view: MailView) -> Verdict:
        if view.reverse_path.is_null:
            release.wait(30)
        return refuse("Done")

    async def run() -> None:
        world = real_world()
        hooks = Hooks(HookSet(PATH, {Stage.MAIL: on_mail}), world.blocking.lane)
        blocked = [asyncio.create_task(hooks.judge(mail_view(""))) for _ in range(3)]
        await asyncio.sleep(0)
        assert (await hooks.judge(mail_view())).refusal is not None  # while three others block
        release.set()
        assert [each.refusal is not None for each in await asyncio.gather(*blocked)] == [True] * 3
        await hooks.shut_down()
        await world.blocking.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "there is no hook in it"),
        ("def on_rcpt(): ...", "one argument"),
        ("def on_rcpt(a, b): ...", "one argument"),
        ("on_rcpt = 3", "one argument"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_a_file_that_is_of_no_use_is_told_with_the_reason(source: str, told: str) -> None:
    with pytest.raises(HookError, match=told):
        load_hooks(source, PATH)


def test_the_example_is_tested_without_a_server() -> None:
    seen = hook_verdict(example.on_message, message_view(b'Subject: x\r\nContent-Type: a; name="b.exe"\r\n\r\nx\r\n'))
    assert seen.total == 3
    assert len(seen.changes) == 1
    assert hook_verdict(example.on_rcpt, rcpt_view("bob@example.org")) is CONTINUE
    many = rcpt_view("bob@example.org", before=[f"u{number}@example.org" for number in range(50)])
    refusal = hook_verdict(example.on_rcpt, many).refusal
    assert refusal is not None
    assert refusal.code == 452
    assert hook_verdict(example.on_rcpt, rcpt_view("left-bob@example.org")).refusal is not None
    source = Path(str(example.__file__)).read_text(encoding="utf-8")
    assert set(load_hooks(source, PATH).functions) == {Stage.RCPT, Stage.MESSAGE}


def test_each_stage_has_a_view_to_test_with() -> None:
    views: list[View] = [
        connect_view(),
        hello_view("c.test"),
        mail_view(""),
        rcpt_view("a@b.test"),
        data_view("a@b.test"),
        message_view(b"A: b\r\n\r\nc\r\n"),
        lookup_view("bob"),
        unknown_view("FROBNICATE"),
        refused_view("nobody@b.test", replies.COMMAND_UNKNOWN),
    ]
    assert [view.stage for view in views] == list(Stage)
