"""VRFY and EXPN: one reply for each state a name can be in."""

import asyncio

import pytest

from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.routing.directory import Directory
from heloise.routing.tables import Alias, Forward, ForwardKind, LocalDomain, RoutingTables, StaticRoute, User

TABLES = RoutingTables(
    local_domains=(LocalDomain(name="example.test"), LocalDomain(name="virtual.test")),
    users=(
        User(name="alice", full_name="Alice Liddell"),
        User(name="bob@example.test", full_name="Bob Smith"),
        User(name="bob@virtual.test", full_name="Robert Smith"),
        User(name="jose", full_name="José Núñez"),
        User(name="zoë"),
        User(name="root"),
    ),
    aliases=(
        Alias(name="staff", targets=("alice", "bob@example.test", "ext@remote.test")),
        Alias(name="all", targets=("staff", "zoë")),
        Alias(name="ping", targets=("pong",)),
        Alias(name="pong", targets=("ping",)),
    ),
    forwards=(
        Forward(name="gone", to=ForwardPath.parse(b"<gone@new.test>")),
        Forward(name="moved", to=ForwardPath.parse(b"<moved@new.test>"), kind=ForwardKind.TELL),
    ),
    static_routes=(StaticRoute(domain="hub.test", route=Route.parse("smtp:10.0.0.1:25"), for_strangers=True),),
    postmaster="root",
)
DIRECTORY = Directory(TABLES)


def lines(octets: bytes) -> list[str]:
    return octets.decode().splitlines()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("alice", "250 2.1.5 Alice Liddell <alice@example.test>"),
        ("<alice@virtual.test>", "250 2.1.5 Alice Liddell <alice@virtual.test>"),
        ("Somebody <alice@example.test>", "250 2.1.5 Alice Liddell <alice@example.test>"),
        ("Liddell", "250 2.1.5 Alice Liddell <alice@example.test>"),
        ("robert smith", "250 2.1.5 Robert Smith <bob@virtual.test>"),
        ("staff", "250 2.1.5 <staff@example.test>"),
        ("alice+tag@example.test", "250 2.1.5 <alice+tag@example.test>"),
        ("postmaster", "250 2.1.5 <postmaster@example.test>"),
        ("jose", "250 2.1.5 <jose@example.test>"),
        ("gone", "251 2.1.5 User not local; will forward to <gone@new.test>"),
        ("moved", "551 5.1.6 User not local; please try <moved@new.test>"),
        ("x@remote.test", "252 2.1.5 Cannot tell, but will take mail and try to deliver it"),
        ("nobody", "550 5.1.1 nobody is unknown here"),
        ("nobody@example.test", "550 5.1.1 <nobody@example.test> is unknown here"),
        ("u%d@example.test", "553 5.1.3 <u%d@example.test>: name not allowed"),
        ("ping", "554 5.4.6 <ping@example.test> leads back to itself"),
        ("zoë@example.test", "252 2.6.8 Cannot tell, but will take mail and try to deliver it"),
    ],
)
def test_vrfy_answers(asked: str, answer: str) -> None:
    assert lines(asyncio.run(DIRECTORY.verify(asked)).encode()) == [answer]


def test_vrfy_lists_the_mailboxes_of_an_ambiguous_name() -> None:
    assert lines(asyncio.run(DIRECTORY.verify("Smith")).encode()) == [
        "553-5.1.4 User ambiguous; it may be",
        "553-5.1.4 Bob Smith <bob@example.test>",
        "553 5.1.4 Robert Smith <bob@virtual.test>",
    ]
    assert asyncio.run(DIRECTORY.verify("bob")).code == 553


def test_vrfy_of_what_a_stranger_may_not_relay_is_denied() -> None:
    assert asyncio.run(DIRECTORY.verify("x@remote.test", may_relay=False)).code == 550
    assert asyncio.run(DIRECTORY.verify("x@hub.test", may_relay=False)).code == 252


def test_vrfy_with_smtputf8_may_answer_in_utf8() -> None:
    assert str(asyncio.run(DIRECTORY.verify("zoë", utf8=True))) == "250 2.1.5 <zoë@example.test>"
    assert str(asyncio.run(DIRECTORY.verify("jose", utf8=True))) == "250 2.1.5 José Núñez <jose@example.test>"


def test_a_private_directory_answers_252_to_everything() -> None:
    directory = Directory(TABLES, private=True)
    assert {asyncio.run(directory.verify(name)).code for name in ("alice", "nobody", "Smith", "moved")} == {252}
    assert asyncio.run(directory.expand("staff")).code == 252


def test_expn_flattens_an_alias_into_its_members() -> None:
    assert lines(asyncio.run(DIRECTORY.expand("staff")).encode()) == [
        "250-2.1.5 Alice Liddell <alice@example.test>",
        "250-2.1.5 Bob Smith <bob@example.test>",
        "250 2.1.5 <ext@remote.test>",
    ]


def test_expn_follows_nested_aliases() -> None:
    assert len(asyncio.run(DIRECTORY.expand("all", utf8=True)).lines) == 4
    assert asyncio.run(DIRECTORY.expand("all")).code == 252


@pytest.mark.parametrize(
    ("asked", "code"),
    [("alice", 250), ("gone", 250), ("moved", 551), ("nobody", 550), ("ping", 554), ("x@remote.test", 252)],
)
def test_expn_answers(asked: str, code: int) -> None:
    assert asyncio.run(DIRECTORY.expand(asked)).code == code


def test_every_answer_has_a_cause() -> None:
    assert asyncio.run(DIRECTORY.verify("alice")).cause.id == "vrfy.confirmed"
    assert asyncio.run(DIRECTORY.expand("staff")).cause.id == "expn.expanded"
