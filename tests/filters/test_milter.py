"""Milters, well and broken, in a simulated world: no mail is lost or doubled, and the session goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from heloise.filters.milter import macros
from heloise.mail.encryption import Encryption
from heloise.queue.model import RecipientState
from heloise.testing.policy import mail_view, session_view
from heloise.world import Endpoint
from tests.filters.scripted_milter import ACCEPT, CONTINUE, DIE, HANG, ScriptedMilter, packet
from tests.policy.house import MESSAGE, House, at_home

WHERE = Endpoint("192.0.2.50", 8891)
ACTIONS = ("accept", "tempfail", "reject", "quarantine")
Play = Callable[[House], Awaitable[None]]


def section(action: str = "tempfail", *, port: int = 8891, name: str = "scripted") -> str:
    return (
        f'[[milter]]\nname = "{name}"\naddress = "192.0.2.50:{port}"\ndefault_action = "{action}"\n'
        'connect_timeout = "5s"\ncommand_timeout = "5s"\ncontent_timeout = "5s"\nmessage_timeout = "5s"\n'
    )


def with_milter(milter: ScriptedMilter | None, play: Play, *, action: str = "tempfail") -> None:
    """Play with a server that asks this milter; with None nobody listens there."""

    async def scene(house: House) -> None:
        host = house.world.host("milter.test", "192.0.2.50")
        if milter is not None:
            await milter.listen(host.network, WHERE)
        await play(house)

    at_home(scene, more=section(action))


async def one_letter(house: House) -> None:
    client = await house.greeted()
    assert (await client.send())[:3] == "250"
    assert (await client.say("QUIT"))[:3] == "221"
    assert await client.hear() == ""


def test_a_session_is_told_as_postfix_tells_it() -> None:
    milter = ScriptedMilter()
    with_milter(milter, one_letter)
    heard = dict(milter.heard)
    assert milter.commands() == "OCHMRTLLLNBE"
    assert heard[b"C"].startswith(b"[198.51.100.7]\x004")
    assert heard[b"C"].endswith(b"198.51.100.7\0")
    assert heard[b"M"] == b"<carol@client.test>\0"
    assert heard[b"L"] == b"Subject\0Hello\0"
    assert heard[b"B"] == b"A line.\r\n"
    assert milter.macros[b"C"]["j"] == "mx.home.test"
    assert milter.macros[b"M"]["{mail_addr}"] == "carol@client.test"
    assert milter.macros[b"R"]["{rcpt_addr}"] == "user@away.test"
    assert milter.macros[b"E"]["i"]


def test_what_it_does_not_want_is_not_told_and_what_it_does_not_answer_is_not_waited_for() -> None:
    # NOCONNECT NOHELO NOBODY; NR_MAIL NR_RCPT NR_HDR NR_DATA NR_EOH
    milter = ScriptedMilter(steps=0x01 | 0x02 | 0x10 | 0x4000 | 0x8000 | 0x80 | 0x10000 | 0x40000)
    milter.answers = {code: [] for code in (b"M", b"R", b"L", b"T", b"N")}
    with_milter(milter, one_letter)
    assert milter.commands() == "OMRTLLLNE"


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_older_milters_are_told_what_they_know(version: int) -> None:
    milter = ScriptedMilter(version=version)
    with_milter(milter, one_letter)
    assert milter.commands() == ("OCHMRTLLLNBE" if version >= 4 else "OCHMRLLLNBE")


def test_the_blank_behind_the_colon_is_for_those_who_ask_for_it() -> None:
    milter = ScriptedMilter(steps=0x100000)
    with_milter(milter, one_letter)
    assert dict(milter.heard)[b"L"] == b"Subject\0 Hello\0"


def test_one_blank_is_left_out_for_all_others() -> None:
    milter = ScriptedMilter()

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send("A:  two\r\nB:\ttab\r\nC:none\r\nD:\r\n\r\n"))[:3] == "250"

    with_milter(milter, play)
    assert [data for code, data in milter.heard if code == b"L"] == [
        b"A\0 two\0", b"B\0\ttab\0", b"C\0none\0", b"D\0\0",
    ]  # fmt: skip


def test_commands_that_there_are_not_are_told_and_may_be_answered() -> None:
    milter = ScriptedMilter(answers={b"U": [b"y550 5.7.1 Not in my house\0"]})

    async def play(house: House) -> None:
        client = await house.greeted()
        assert await client.say("Frobnicate it") == "550 5.7.1 Not in my house"
        assert (await client.say("NOOP"))[:3] == "250"
        [refused] = house.events("command.refused")
        assert refused["cause"] == "milter.rejected"

    with_milter(milter, play)
    assert dict(milter.heard)[b"U"] == b"FROBNICATE it\0"


@pytest.mark.parametrize("answers", [{}, {b"U": [b"y550 5.7.1 Not in my house\0"]}, {b"U": [b"t"]}])
def test_too_many_commands_that_there_are_not_end_the_session(answers: dict[bytes, list[bytes]]) -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        said = [await client.say("FROBNICATE") for _ in range(10)]
        assert said[-1][:3] != "421"
        assert (await client.hear())[:9] == "421 4.7.0"
        assert await client.hear() == ""

    async def scene(house: House) -> None:
        await ScriptedMilter(answers=answers).listen(house.world.host("milter.test", "192.0.2.50").network, WHERE)
        await play(house)

    at_home(scene, more=section() + "[limits]\nerrors = 10\n")


@pytest.mark.parametrize("how", [{}, {b"U": [HANG]}, {b"U": [DIE]}])
def test_without_a_word_of_the_milter_an_unknown_command_is_what_it_is(how: dict[bytes, list[bytes]]) -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.say("FROBNICATE"))[:9] == "500 5.5.1"

    with_milter(ScriptedMilter(answers=how), play)


@pytest.mark.parametrize("wants", [True, False])
def test_refused_recipients_are_told_to_a_milter_that_wants_to_know(wants: bool) -> None:
    milter = ScriptedMilter(steps=0x800 if wants else 0)

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send(to=("nobody@home.test",)))[:9] == "550 5.1.1"
        assert (await client.say("RCPT TO:<alice@home.test>"))[:3] == "250"

    with_milter(milter, play)
    assert milter.commands().rstrip("A") == ("OCHMRR" if wants else "OCHMR")
    if wants:
        words = next(data for code, data in milter.heard if code == b"D" and data[:1] == b"R").split(b"\0")
        assert words[words.index(b"{rcpt_mailer}") + 1] == b"error"
        assert b"5.1.1" in words


def test_who_has_logged_in_and_how_is_told() -> None:
    view = mail_view(user="alice", mechanism="SCRAM-SHA-256", parameters="AUTH=bob@home.test")
    assert macros.of_mail(view)["{auth_authen}"] == "alice"
    assert macros.of_mail(view)["{auth_type}"] == "SCRAM-SHA-256"
    assert macros.of_mail(view)["{auth_author}"] == "bob@home.test"
    assert "{auth_authen}" not in macros.of_mail(mail_view())


def test_what_protects_a_session_is_told_with_the_certificate_of_the_client() -> None:
    tls = Encryption(
        "TLSv1.3", "TLS_AES_256_GCM_SHA384", True, peer_names=("mx.test", "Mail"), peer_issuer="An authority"
    )
    assert macros.of_hello(session_view(encryption=tls)) == {
        "{tls_version}": "TLSv1.3",
        "{cipher}": "TLS_AES_256_GCM_SHA384",
        "{cipher_bits}": "256",
        "{cert_subject}": "Mail",
        "{cert_issuer}": "An authority",
    }
    bare = macros.of_hello(session_view(encryption=Encryption("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")))
    assert "{cert_subject}" not in bare
    assert bare["{cipher_bits}"] == "128"


def test_a_body_goes_in_pieces_until_it_is_enough() -> None:
    milter = ScriptedMilter(answers={b"B": [b"s"]})

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send(MESSAGE + "line\r\n" * 100_000))[:3] == "250"

    with_milter(milter, play)
    assert milter.commands().count("B") == 1
    assert len(dict(milter.heard)[b"B"]) <= 65535


def test_all_of_a_large_body_is_told() -> None:
    milter = ScriptedMilter()
    body = "line\r\n" * 100_000

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send(MESSAGE + body))[:3] == "250"

    with_milter(milter, play)
    pieces = [data for code, data in milter.heard if code == b"B"]
    assert b"".join(pieces).decode() == "A line.\r\n" + body
    assert all(len(each) <= 65535 for each in pieces)


def test_a_transaction_that_is_given_up_is_aborted_and_the_next_one_is_new() -> None:
    milter = ScriptedMilter()

    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<a@client.test>", "RCPT TO:<user@away.test>", "RSET")
        assert (await client.send())[:3] == "250"
        assert (await client.send())[:3] == "250"
        assert len(await house.queued()) == 2

    with_milter(milter, play)
    assert milter.commands().startswith("OCHMRAMRTLLLNBEMRT")


def test_progress_keeps_us_waiting_and_is_no_answer() -> None:
    milter = ScriptedMilter(answers={b"E": [b"p", b"p", b"hX-Slow\0yes\0", b"p", CONTINUE]})
    with_milter(milter, one_letter)


BROKEN: dict[str, ScriptedMilter | None] = {
    "nobody listens": None,
    "silent at the offer": ScriptedMilter(answers={b"O": [HANG]}),
    "gone at the offer": ScriptedMilter(answers={b"O": [DIE]}),
    "an offer of another version": ScriptedMilter(version=7),
    "wants what was not offered": ScriptedMilter(steps=1 << 27),
    "silent at CONNECT": ScriptedMilter(answers={b"C": [HANG]}),
    "gone at HELO": ScriptedMilter(answers={b"H": [DIE]}),
    "silent at MAIL": ScriptedMilter(answers={b"M": [HANG]}),
    "gone at RCPT": ScriptedMilter(answers={b"R": [DIE]}),
    "rubbish at RCPT": ScriptedMilter(raw={b"R": b"HTTP/1.1 400 Bad Request\r\n\r\n"}),
    "an endless packet at MAIL": ScriptedMilter(raw={b"M": b"\xff\xff\xff\xff"}),
    "a packet of nothing": ScriptedMilter(raw={b"M": b"\0\0\0\0c"}),
    "gone at DATA": ScriptedMilter(answers={b"T": [DIE]}),
    "gone in the header": ScriptedMilter(answers={b"L": [DIE]}),
    "silent in the body": ScriptedMilter(answers={b"B": [HANG]}),
    "gone at the end": ScriptedMilter(answers={b"E": [DIE]}),
    "silent at the end": ScriptedMilter(answers={b"E": [HANG]}),
    "gone after half of the changes": ScriptedMilter(answers={b"E": [b"hX-Half\0yes\0", DIE]}),
    "changes in the wrong place": ScriptedMilter(answers={b"N": [b"hX-Half\0yes\0", CONTINUE]}),
    "a change of which nobody was told": ScriptedMilter(version=2, answers={b"E": [b"e<x@y.test>\0", CONTINUE]}),
    "no name of a field": ScriptedMilter(answers={b"E": [b"hX Half\0yes\0", CONTINUE]}),
    "no address": ScriptedMilter(answers={b"E": [b"+<not an address\0", CONTINUE]}),
    "a yes as a refusal": ScriptedMilter(answers={b"M": [b"y250 2.0.0 fine\0"]}),
    "SKIP in the header": ScriptedMilter(answers={b"L": [b"s"]}),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_milter_is_handled_as_configured(how: str, action: str) -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        said = await client.send()
        assert said[:3] == {"accept": "250", "quarantine": "250", "tempfail": "451", "reject": "550"}[action]
        queued = await house.queued()
        assert len(queued) == (1 if said[:3] == "250" else 0)
        for message, octets in queued:
            assert [each.state is RecipientState.HELD for each in message.recipients] == [action == "quarantine"]
            assert "X-Half" not in octets
            assert octets.endswith(MESSAGE)
        assert (await client.say("NOOP"))[:3] == "250"
        assert (await client.say("RSET"))[:3] == "250"
        assert {fields["check"] for fields in house.events("policy.trouble")} == {"scripted"}
        assert (await client.say("QUIT"))[:3] == "221"

    milter = BROKEN[how]
    with_milter(None if milter is None else replace(milter, heard=[], macros={}), play, action=action)


def test_a_milter_that_comes_back_is_asked_again_in_the_same_session() -> None:
    milter = ScriptedMilter()

    async def scene(house: House) -> None:
        host = house.world.host("milter.test", "192.0.2.50")
        client = await house.greeted()
        assert (await client.send())[:3] == "451"
        await milter.listen(host.network, WHERE)
        await client.say("RSET")
        assert (await client.send())[:3] == "451"  # too soon
        await asyncio.sleep(31)
        await client.say("RSET")
        assert (await client.send())[:3] == "250"
        assert milter.commands().startswith("OCHMRT")

    at_home(scene, more=section())


def test_the_second_milter_sees_what_the_first_has_made() -> None:
    first = ScriptedMilter(answers={b"E": [b"hX-First\0yes\0", b"m\0\0\0\1Subject\0changed\0", b"bnew\r\n", CONTINUE]})
    second = ScriptedMilter(answers={b"E": [b"+<bob@home.test>\0", CONTINUE]})

    async def scene(house: House) -> None:
        host = house.world.host("milter.test", "192.0.2.50")
        await first.listen(host.network, WHERE)
        await second.listen(host.network, Endpoint("192.0.2.50", 8892))
        client = await house.greeted()
        assert (await client.send())[:3] == "250"
        [(message, octets)] = await house.queued()
        assert octets.endswith("Subject: changed\r\nX-First: yes\r\n\r\nnew\r\n")
        assert "<user@away.test>" in [str(each.recipient.forward_path) for each in message.recipients]

    at_home(scene, more=section() + section(port=8892, name="second"))
    fields = [data for code, data in second.heard if code == b"L"]
    assert b"Subject\0changed\0" in fields
    assert b"X-First\0yes\0" in fields
    assert dict(second.heard)[b"B"] == b"new\r\n"


def test_a_milter_that_accepts_the_client_hears_no_more_of_the_session() -> None:
    milter = ScriptedMilter(answers={b"C": [ACCEPT]})
    with_milter(milter, one_letter)
    assert milter.commands().replace("A", "") == "OC"


def test_a_milter_that_shuts_the_session_down_has_its_way() -> None:
    milter = ScriptedMilter(answers={b"R": [b"4"]})

    async def play(house: House) -> None:
        client = await house.greeted()
        await client.say("MAIL FROM:<a@client.test>")
        assert (await client.say("RCPT TO:<user@away.test>"))[:9] == "421 4.7.0"
        assert await client.hear() == ""

    with_milter(milter, play)


def test_macros_are_those_that_a_milter_has_chosen() -> None:
    numbers = b"".join([each.to_bytes(4, "big") for each in (6, 0x1FF, 0)])
    chosen = (0).to_bytes(4, "big") + b"j {client_addr}\0" + (2).to_bytes(4, "big") + b"{mail_host}\0"
    milter = ScriptedMilter(raw={b"O": packet(b"O" + numbers + chosen)})
    with_milter(milter, one_letter)
    assert milter.macros[b"C"] == {"j": "mx.home.test", "{client_addr}": "198.51.100.7"}
    assert milter.macros[b"M"] == {"{mail_host}": "client.test"}
