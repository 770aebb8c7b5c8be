"""The router: who is ours, who may be relayed, who is refused and with which words."""

import asyncio

import pytest

from heloise.mail import causes
from heloise.mail.address import AddressError, Mailbox
from heloise.mail.cause import Rule
from heloise.mail.path import BARE_POSTMASTER, ForwardPath
from heloise.mail.route import Route, Transport
from heloise.routing.router import Accepted, Refusal, Router
from heloise.routing.tables import (
    Alias,
    CatchAll,
    Forward,
    ForwardKind,
    LocalDomain,
    RoutingTables,
    Smarthost,
    StaticRoute,
    User,
)


class Boxes:
    """Mailboxes as a test wants them."""

    def __init__(
        self, locked: frozenset[str] = frozenset(), usage: dict[str, int] | None = None, broken: bool = False
    ) -> None:
        self._locked = locked
        self._usage = usage or {}
        self._broken = broken

    def locked(self, account: str) -> bool:
        if self._broken:
            raise PermissionError(13, "Permission denied", account)
        return account in self._locked

    def usage(self, account: str) -> int:
        return self._usage.get(account, 0)


def rule(line: int) -> Rule:
    return Rule("heloise.toml", line)


TABLES = RoutingTables(
    local_domains=(LocalDomain(name="example.test", rule=rule(1)), LocalDomain(name="Virtual.test", rule=rule(2))),
    users=(
        User(name="alice", full_name="Alice Liddell", rule=rule(10)),
        User(name="bob", quota=1000, rule=rule(11)),
        User(name="carol@virtual.test", account="carol-v", rule=rule(12)),
        User(name="dove", route=Route.parse("lmtp:unix:/run/lmtp"), rule=rule(13)),
        User(name="root", rule=rule(14)),
    ),
    aliases=(
        Alias(name="staff", targets=("alice", "bob", "ext@remote.test"), rule=rule(20)),
        Alias(name="boss", targets=("alice",), rule=rule(21)),
        Alias(name="nested", targets=("staff", "boss"), rule=rule(22)),
        Alias(name="ping", targets=("pong",), rule=rule(23)),
        Alias(name="pong", targets=("ping",), rule=rule(24)),
        Alias(name="halfdead", targets=("alice", "nobody"), rule=rule(25)),
        Alias(name="dead", targets=("nobody",), rule=rule(26)),
        Alias(name="bob@virtual.test", targets=("bob", "alice@example.test"), rule=rule(27)),
    ),
    forwards=(
        Forward(name="gone", to=ForwardPath.parse(b"<gone@new.test>"), rule=rule(30)),
        Forward(name="moved", to=ForwardPath.parse(b"<moved@new.test>"), kind=ForwardKind.TELL, rule=rule(31)),
    ),
    static_routes=(
        StaticRoute(domain="hub.test", route=Route.parse("smtp:10.0.0.1:25"), rule=rule(40)),
        StaticRoute(domain=".hub.test", route=Route.parse("smtp:10.0.0.2:25"), rule=rule(41)),
        StaticRoute(domain="gateway.test", route=Route.parse("smtp:10.0.0.3:25"), for_strangers=True, rule=rule(42)),
    ),
    postmaster="root",
)


def path(text: str) -> ForwardPath:
    return ForwardPath.parse(f"<{text}>".encode())


def accepted(
    text: str, tables: RoutingTables = TABLES, boxes: Boxes | None = None, may_relay: bool = False
) -> Accepted:
    found = asyncio.run(Router(tables, boxes or Boxes()).route(path(text), may_relay=may_relay))
    assert isinstance(found, Accepted), found
    return found


def refused(text: str, tables: RoutingTables = TABLES, boxes: Boxes | None = None) -> Refusal:
    found = asyncio.run(Router(tables, boxes or Boxes()).route(path(text), may_relay=False))
    assert isinstance(found, Refusal), found
    return found


def own(router: Router, to: ForwardPath) -> tuple[tuple[ForwardPath, Route], ...]:
    return asyncio.run(router.route_own(to))


def ends(found: Accepted) -> list[tuple[str, str]]:
    return [(str(forward_path), str(route)) for forward_path, route in found.expansions]


def test_a_user_is_taken_in_every_local_domain() -> None:
    assert ends(accepted("alice@example.test")) == [("<alice@example.test>", "maildir:alice")]
    assert ends(accepted("alice@virtual.test")) == [("<alice@virtual.test>", "maildir:alice")]


def test_the_reply_names_the_rule_that_decided() -> None:
    found = accepted("alice@example.test")
    assert (found.reply.code, str(found.reply.status)) == (250, "2.1.5")
    assert found.reply.cause.rule == rule(10)
    assert ("route", "maildir:alice") in found.reply.cause.inputs


def test_names_and_domains_compare_without_case_and_keep_it() -> None:
    assert ends(accepted("ALICE@Example.TEST")) == [("<ALICE@Example.TEST>", "maildir:alice")]


def test_a_user_of_one_domain_is_unknown_in_another() -> None:
    assert ends(accepted("carol@virtual.test")) == [("<carol@virtual.test>", "maildir:carol-v")]
    assert refused("carol@example.test").reply.code == 550


def test_a_user_may_have_a_route_of_his_own() -> None:
    assert ends(accepted("dove@example.test")) == [("<dove@example.test>", "lmtp:unix:/run/lmtp")]


def test_an_unknown_user_is_refused_with_the_rule_of_his_domain() -> None:
    reply = refused("nobody@virtual.test").reply
    assert (reply.code, str(reply.status)) == (550, "5.1.1")
    assert reply.cause.kind is causes.RECIPIENT_UNKNOWN
    assert reply.cause.rule == rule(2)


def test_a_tag_is_not_part_of_the_name_but_stays_in_the_path() -> None:
    assert ends(accepted("alice+lists@example.test")) == [("<alice+lists@example.test>", "maildir:alice")]


@pytest.mark.parametrize("text", ["+alice@example.test", "alice-lists@example.test", "nobody+tag@example.test"])
def test_what_is_no_tag_is_unknown(text: str) -> None:
    assert refused(text).reply.code == 550


def test_tags_can_be_switched_off() -> None:
    tables = RoutingTables(local_domains=TABLES.local_domains, users=TABLES.users, tag_separator="")
    assert refused("alice+x@example.test", tables).reply.code == 550


def test_strangers_may_not_relay() -> None:
    reply = refused("x@elsewhere.test").reply
    assert (reply.code, str(reply.status)) == (550, "5.7.1")
    assert reply.cause.kind is causes.RELAY_DENIED


def test_who_may_relay_is_routed_by_mx() -> None:
    assert ends(accepted("x@Elsewhere.test", may_relay=True)) == [("<x@Elsewhere.test>", "mx:elsewhere.test")]


def test_a_static_route_stands_before_mx_and_its_dot_form_means_subdomains() -> None:
    assert ends(accepted("x@hub.test", may_relay=True)) == [("<x@hub.test>", "smtp:10.0.0.1:25")]
    assert ends(accepted("x@a.b.hub.test", may_relay=True)) == [("<x@a.b.hub.test>", "smtp:10.0.0.2:25")]
    assert ends(accepted("x@hub.test.other", may_relay=True)) == [("<x@hub.test.other>", "mx:hub.test.other")]


def test_a_static_route_opens_no_relay_unless_it_says_so() -> None:
    assert refused("x@hub.test").reply.cause.rule == rule(40)
    assert ends(accepted("x@gateway.test")) == [("<x@gateway.test>", "smtp:10.0.0.3:25")]


def test_the_smarthost_takes_the_rest() -> None:
    smarthost = Smarthost(route=Route.parse("smtp:[2001:db8::1]:587"), rule=rule(50))
    tables = RoutingTables(local_domains=TABLES.local_domains, smarthost=smarthost)
    found = accepted("x@[192.0.2.1]", tables, may_relay=True)
    assert ends(found) == [("<x@[192.0.2.1]>", "smtp:[2001:db8::1]:587")]
    assert found.reply.cause.rule == rule(50)


@pytest.mark.parametrize(
    "text",
    ["u%d@example.test", '"u@d"@example.test', "d!u@example.test", '"@example.test:u@d"@example.test'],
)
def test_a_route_in_a_local_part_is_a_name_not_allowed(text: str) -> None:
    reply = refused(text).reply
    assert (reply.code, str(reply.status)) == (553, "5.1.3")
    assert reply.cause.kind is causes.RECIPIENT_NAME


def test_a_catch_all_does_not_swallow_routes_in_local_parts() -> None:
    tables = RoutingTables(
        local_domains=TABLES.local_domains, users=TABLES.users, catch_all=(CatchAll(target="alice", rule=rule(60)),)
    )
    assert refused("u%d@example.test", tables).reply.code == 553


def test_a_source_route_is_ignored_and_the_final_domain_decides() -> None:
    assert refused("@example.test:x@elsewhere.test").reply.cause.kind is causes.RELAY_DENIED


def test_a_foreign_address_literal_is_a_foreign_domain() -> None:
    assert refused("alice@[192.0.2.1]").reply.cause.kind is causes.RELAY_DENIED


def test_an_address_literal_of_ours_may_be_local() -> None:
    tables = RoutingTables(local_domains=(LocalDomain(name="[192.0.2.1]"),), users=TABLES.users)
    assert ends(accepted("alice@[192.0.2.1]", tables)) == [("<alice@[192.0.2.1]>", "maildir:alice")]


def test_an_alias_reaches_all_its_targets_here_and_elsewhere() -> None:
    found = accepted("staff@example.test")
    assert ends(found) == [
        ("<alice@example.test>", "maildir:alice"),
        ("<bob@example.test>", "maildir:bob"),
        ("<ext@remote.test>", "mx:remote.test"),
    ]
    assert found.told == ("<staff@example.test>... aliased to alice, bob, ext@remote.test",)
    assert found.reply.cause.rule == rule(20)


def test_nested_aliases_deliver_once_to_whoever_is_named_twice() -> None:
    paths = [forward_path for forward_path, _ in ends(accepted("nested@example.test"))]
    assert paths == ["<alice@example.test>", "<bob@example.test>", "<ext@remote.test>"]


def test_an_alias_of_one_domain_hides_the_user_of_all_domains() -> None:
    assert ends(accepted("bob@virtual.test")) == [
        ("<bob@virtual.test>", "maildir:bob"),
        ("<alice@example.test>", "maildir:alice"),
    ]


def test_aliases_that_name_each_other_are_a_loop() -> None:
    reply = refused("ping@example.test").reply
    assert (reply.code, str(reply.status)) == (554, "5.4.6")
    assert "ping@example.test" in dict(reply.cause.inputs)["walked"]
    assert reply.cause.rule == rule(23)


def test_an_alias_that_names_only_itself_is_a_loop_when_there_is_no_such_user() -> None:
    tables = RoutingTables(local_domains=TABLES.local_domains, aliases=(Alias(name="me", targets=("me",)),))
    assert refused("me@example.test", tables).reply.code == 554


def test_an_alias_chain_that_is_too_deep_is_taken_for_a_loop() -> None:
    chain = tuple(Alias(name=f"n{index}", targets=(f"n{index + 1}",)) for index in range(30))
    tables = RoutingTables(local_domains=TABLES.local_domains, users=(User(name="n30"),), aliases=chain)
    assert refused("n0@example.test", tables).reply.code == 554
    assert ends(accepted("n15@example.test", tables)) == [("<n30@example.test>", "maildir:n30")]


def test_one_dead_name_in_an_alias_goes_to_the_queue_to_be_reported() -> None:
    assert ends(accepted("halfdead@example.test")) == [
        ("<alice@example.test>", "maildir:alice"),
        ("<nobody@example.test>", "maildir:<nobody@example.test>"),
    ]


def test_an_alias_with_only_dead_names_is_refused() -> None:
    assert refused("dead@example.test").reply.code == 550


def test_a_forward_of_kind_relay_is_taken_with_251() -> None:
    found = accepted("gone@example.test")
    assert (found.reply.code, str(found.reply.status)) == (251, "2.1.5")
    assert "<gone@new.test>" in found.reply.text
    assert ends(found) == [("<gone@new.test>", "mx:new.test")]


def test_a_forward_of_kind_tell_is_refused_with_551_and_the_new_path() -> None:
    reply = refused("moved@example.test").reply
    assert (reply.code, str(reply.status)) == (551, "5.1.6")
    assert "<moved@new.test>" in reply.text
    assert reply.cause.rule == rule(31)


def test_a_locked_mailbox_is_refused_for_now() -> None:
    boxes = Boxes(locked=frozenset({"alice"}))
    reply = refused("alice@example.test", boxes=boxes).reply
    assert (reply.code, str(reply.status)) == (450, "4.2.1")
    assert refused("boss@example.test", boxes=boxes).reply.code == 450


def test_one_locked_mailbox_of_several_does_not_refuse_the_others() -> None:
    assert len(accepted("staff@example.test", boxes=Boxes(locked=frozenset({"alice"}))).expansions) == 3


def test_a_full_mailbox_is_refused_with_its_figures_in_the_cause() -> None:
    reply = refused("bob@example.test", boxes=Boxes(usage={"bob": 1000})).reply
    assert (reply.code, str(reply.status)) == (552, "5.2.2")
    assert dict(reply.cause.inputs) == {"account": "bob", "usage": "1000", "quota": "1000"}
    assert accepted("bob@example.test", boxes=Boxes(usage={"bob": 999})).reply.code == 250


def test_a_mailbox_that_can_not_be_asked_is_refused_for_now() -> None:
    reply = refused("alice@example.test", boxes=Boxes(broken=True)).reply
    assert (reply.code, reply.cause.kind) == (451, causes.LOOKUP_FAILED)


@pytest.mark.parametrize("text", ["Postmaster", "postmaster", "POSTMASTER@example.test", "postmaster@virtual.test"])
def test_postmaster_is_always_taken(text: str) -> None:
    boxes = Boxes(locked=frozenset({"root"}))
    assert [route for _, route in ends(accepted(text, boxes=boxes))] == ["maildir:root"]


def test_bare_postmaster_keeps_his_path() -> None:
    assert accepted("PostMaster").expansions[0][0] is not None
    assert accepted("PostMaster").expansions == ((BARE_POSTMASTER, Route(Transport.MAILDIR, "root")),)


def test_a_table_entry_called_postmaster_stands_before_the_option() -> None:
    tables = RoutingTables(
        local_domains=TABLES.local_domains,
        users=TABLES.users,
        aliases=(Alias(name="postmaster", targets=("alice",)),),
        postmaster="root",
    )
    assert [route for _, route in ends(accepted("Postmaster", tables))] == ["maildir:alice"]


def test_a_catch_all_gets_what_nobody_else_gets_under_its_own_name() -> None:
    tables = RoutingTables(
        local_domains=TABLES.local_domains,
        users=TABLES.users,
        catch_all=(CatchAll(target="alice", domain="virtual.test", rule=rule(60)),),
    )
    found = accepted("anything@virtual.test", tables)
    assert ends(found) == [("<anything@virtual.test>", "maildir:alice")]
    assert found.reply.cause.rule == rule(60)
    assert refused("anything@example.test", tables).reply.code == 550


def test_the_same_question_twice_keeps_the_domain_as_written_each_time() -> None:
    router = Router(TABLES, Boxes())
    asked = (path("alice@example.test"), path("alice@EXAMPLE.test"))
    written = [asyncio.run(router.route(each, may_relay=False)) for each in asked]
    assert [ends(found)[0][0] for found in written if isinstance(found, Accepted)] == [
        "<alice@example.test>",
        "<alice@EXAMPLE.test>",
    ]


@pytest.mark.parametrize("text", ["a b", "", "a@b@c", "@x"])
def test_tables_refuse_names_that_are_none(text: str) -> None:
    with pytest.raises(AddressError):
        User(name=text)


def test_an_alias_needs_a_target() -> None:
    with pytest.raises(AddressError):
        Alias(name="empty", targets=())


def test_a_utf8_local_part_is_a_name_like_others() -> None:
    tables = RoutingTables(local_domains=TABLES.local_domains, users=(User(name="jürgen"),))
    assert ends(accepted("Jürgen@example.test", tables)) == [("<Jürgen@example.test>", "maildir:jürgen")]
    assert Mailbox.from_text("Jürgen@example.test").local_part == "Jürgen"


def test_mail_of_our_own_goes_wherever_there_is_somebody() -> None:
    router = Router(TABLES, Boxes(locked=frozenset({"alice"})))
    assert own(router, path("x@elsewhere.test")) == ((path("x@elsewhere.test"), Route.parse("mx:elsewhere.test")),)
    assert own(router, path("alice@example.test")) == ((path("alice@example.test"), Route.parse("maildir:alice")),)
    assert own(router, path("nobody@example.test")) == ()
