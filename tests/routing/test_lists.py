"""Mailing lists: who gets the mail, once each, and who is told when a member can not be reached. RFC 5321 §3.9.2."""

import asyncio

import pytest

from heloise.mail import causes
from heloise.mail.path import ForwardPath
from heloise.routing.directory import Directory
from heloise.routing.router import Accepted, Refusal, Router
from heloise.routing.tables import Alias, CatchAll, Forward, LocalDomain, RoutingTables, User
from tests.routing.test_router import Boxes

TABLES = RoutingTables(
    local_domains=(LocalDomain(name="example.test"), LocalDomain(name="other.test")),
    users=(User(name="alice"), User(name="bob", quota=10), User(name="owner-crew"), User(name="eve@other.test")),
    aliases=(
        Alias(name="team", targets=("alice", "bob", "zoe@far.test"), owner="alice"),
        Alias(name="crew", targets=("bob", "zoe@far.test")),
        Alias(name="all", targets=("team", "crew", "alice", "gone")),
        Alias(name="nested", targets=("crew", "yan@far.test"), owner="boss@far.test"),
        Alias(name="ping", targets=("pong",), owner="alice"),
        Alias(name="pong", targets=("ping", "alice"), owner="alice"),
        Alias(name="round", targets=("back", "alice"), owner="alice"),
        Alias(name="one", targets=("bob",), owner="alice"),
        Alias(name="half", targets=("nobody", "bob"), owner="alice"),
        Alias(name="dead", targets=("nobody",), owner="alice"),
        Alias(name="club@other.test", targets=("eve",), owner="eve"),
        Alias(name="heads", targets=("chief", "alice"), owner="alice"),
    ),
    forwards=(
        Forward(name="gone", to=ForwardPath.parse(b"<zoe@far.test>")),
        Forward(name="back", to=ForwardPath.parse(b"<round@example.test>")),
        Forward(name="chief", to=ForwardPath.parse(b"<chief@far.test>")),
    ),
    catch_all=(CatchAll(target="team", domain="other.test"),),
)


def route(name: str, tables: RoutingTables = TABLES, boxes: Boxes | None = None) -> Accepted | Refusal:
    path = ForwardPath.parse(f"<{name}>".encode())
    return asyncio.run(Router(tables, boxes or Boxes()).route(path, may_relay=False))


def groups(name: str) -> dict[str | None, list[str]]:
    """Owner → who gets mail from him; None for the sender."""
    found = route(name)
    assert isinstance(found, Accepted)
    own = {None: [str(path) for path, _ in found.expansions]} if found.expansions else {}
    return own | {str(each.owner): [str(path) for path, _ in each.members] for each in found.lists}


def test_members_get_mail_from_the_owner() -> None:
    assert groups("team@example.test") == {
        "alice@example.test": ["<alice@example.test>", "<bob@example.test>", "<zoe@far.test>"]
    }


def test_an_alias_with_an_owner_alias_is_a_list() -> None:
    assert groups("crew@example.test") == {"owner-crew@example.test": ["<bob@example.test>", "<zoe@far.test>"]}


def test_the_owner_is_one_in_the_domain_the_mail_came_for() -> None:
    assert list(groups("crew@other.test")) == ["owner-crew@other.test"]
    assert groups("club@other.test") == {"eve@other.test": ["<eve@other.test>"]}


def test_whoever_is_reached_by_several_ways_gets_one_copy() -> None:
    """Through two lists, himself, and a forward."""
    assert groups("all@example.test") == {
        "alice@example.test": ["<alice@example.test>", "<bob@example.test>", "<zoe@far.test>"]
    }


def test_the_members_of_a_list_in_a_list_belong_to_the_inner_one() -> None:
    assert groups("nested@example.test") == {
        "owner-crew@example.test": ["<bob@example.test>", "<zoe@far.test>"],
        "boss@far.test": ["<yan@far.test>"],
    }


def test_a_member_who_has_moved_is_forwarded_under_the_owners_name() -> None:
    assert groups("heads@example.test") == {"alice@example.test": ["<chief@far.test>", "<alice@example.test>"]}


def test_a_catch_all_may_be_a_list() -> None:
    assert list(groups("anybody@other.test")) == ["alice@other.test"]


@pytest.mark.parametrize("name", ["ping", "pong", "round"])
def test_lists_that_lead_to_one_another_are_refused_with_the_way_they_go(name: str) -> None:
    found = route(f"{name}@example.test")
    assert isinstance(found, Refusal)
    assert (found.reply.code, str(found.reply.status)) == (554, "5.4.6")
    assert found.reply.cause.kind is causes.ALIAS_LOOP
    assert dict(found.reply.cause.inputs)["walked"].count("→") == 2


def test_the_full_mailbox_of_the_only_member_does_not_refuse_mail_to_the_list() -> None:
    boxes = Boxes(usage={"bob": 100})
    assert isinstance(route("one@example.test", boxes=boxes), Accepted)
    assert isinstance(route("bob@example.test", boxes=boxes), Refusal)


def test_a_member_who_is_nobody_is_the_owners_business() -> None:
    """The mail for him fails in the queue."""
    assert groups("half@example.test") == {"alice@example.test": ["<nobody@example.test>", "<bob@example.test>"]}


def test_a_list_of_nobody_is_refused() -> None:
    found = route("dead@example.test")
    assert isinstance(found, Refusal)
    assert found.reply.code == 550


def test_expn_shows_the_members() -> None:
    reply = asyncio.run(Directory(TABLES).expand("team", may_relay=True))
    assert reply.code == 250
    assert reply.lines == ("<alice@example.test>", "<bob@example.test>", "<zoe@far.test>")
