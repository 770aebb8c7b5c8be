"""Names that have to be asked for: what a map answers decides like what is in memory, and no answer is no decision."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.routing.asking import decided
from heloise.routing.directory import Directory
from heloise.routing.lookup import Answer, LookupFailed, LookupTrouble, Names, Question
from heloise.routing.router import Accepted, Router, Routing
from heloise.routing.steps import StepKind
from heloise.routing.tables import (
    Alias,
    CatchAll,
    Included,
    LocalDomain,
    LookupMap,
    Member,
    RoutingTables,
    Supplies,
    User,
)
from heloise.testing import run_simulated


class Boxes:
    def locked(self, account: str) -> bool:
        return False

    def usage(self, account: str) -> int:
        return 0


class Database:
    """Answers from dictionaries, by what a map supplies; counts what it was asked."""

    def __init__(self, **contents: Mapping[str, Answer]) -> None:
        self._contents = contents
        self.asked: Counter[str] = Counter()
        self.most_at_once = 0
        self._at_once = 0

    async def ask(self, question: Question) -> Answer:
        self.asked[f"{question.map.supplies.value} {question.key}"] += 1
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        return self._contents.get(question.map.supplies.value, {}).get(question.key, ())


def rule(line: int) -> Rule:
    return Rule("heloise.toml", line)


MAPS = tuple(
    LookupMap(number=number, supplies=supplies, shown=f"db {supplies.value}", rule=rule(100 + number))
    for number, supplies in enumerate((Supplies.USERS, Supplies.FORWARDS, Supplies.ALIASES, Supplies.VIRTUAL_DOMAINS))
)
TABLES = RoutingTables(
    local_domains=(LocalDomain(name="example.test", rule=rule(1)),),
    users=(User(name="alice", rule=rule(2)), User(name="root", rule=rule(3))),
    aliases=(Alias(name="team", targets=("alice", "bob"), rule=rule(4)),),
    postmaster="root",
    maps=MAPS,
)
DOWN = LookupTrouble("the database is down")


def path(text: str) -> ForwardPath:
    return ForwardPath.parse(f"<{text}>".encode())


def route(text: str, database: Database, tables: RoutingTables = TABLES, *, may_relay: bool = False) -> Routing:
    return asyncio.run(Router(tables, Boxes(), database).route(path(text), may_relay=may_relay))


def ends(text: str, database: Database, tables: RoutingTables = TABLES) -> list[tuple[str, str]]:
    found = route(text, database, tables)
    assert isinstance(found, Accepted), found
    return [(str(forward_path), str(to)) for forward_path, to in found.expansions]


def refusal(text: str, database: Database, tables: RoutingTables = TABLES) -> Reply:
    found = route(text, database, tables)
    assert not isinstance(found, Accepted), found
    return found.reply


def test_a_user_of_a_map_is_taken_and_the_map_is_the_rule() -> None:
    found = route("dora@example.test", Database(users={"dora": ("",)}))
    assert isinstance(found, Accepted)
    assert str(found.expansions[0][1]) == "maildir:dora"
    assert found.reply.cause.rule == rule(100)


def test_who_is_in_no_map_is_unknown() -> None:
    reply = refusal("nobody@example.test", Database())
    assert (reply.code, reply.cause.id) == (550, "recipient.unknown")


def test_the_whole_address_stands_before_the_local_part() -> None:
    database = Database(users={"dora": ("general",), "dora@example.test": ("special",)})
    assert ends("dora@example.test", database) == [("<dora@example.test>", "maildir:special")]


def test_an_alias_of_a_map_stands_before_a_user_in_memory_and_may_keep_a_copy() -> None:
    database = Database(aliases={"alice": ("alice, x@away.test",)})
    assert ends("alice@example.test", database) == [
        ("<alice@example.test>", "maildir:alice"),
        ("<x@away.test>", "mx:away.test"),
    ]


def test_what_stands_before_every_map_is_not_asked_for() -> None:
    alias = Alias(name="team@example.test", targets=("x@away.test",))
    tables = RoutingTables(local_domains=TABLES.local_domains, aliases=(alias,), maps=MAPS[:3])
    database = Database()
    assert ends("team@example.test", database, tables) == [("<x@away.test>", "mx:away.test")]
    assert {asked.partition(" ")[2] for asked in database.asked} == {"owner-team@example.test", "owner-team"}


def test_several_rows_are_several_targets() -> None:
    database = Database(aliases={"all@example.test": ("alice", "root")})
    assert [end for end, _ in ends("all@example.test", database)] == ["<alice@example.test>", "<root@example.test>"]


def test_a_forward_of_a_map_says_251() -> None:
    found = route("carol@example.test", Database(forwards={"carol@example.test": ("carol@new.test",)}))
    assert isinstance(found, Accepted)
    assert found.reply.code == 251
    assert found.reply.cause.rule == rule(101)


def test_a_forward_of_a_map_that_tells_says_551() -> None:
    tells = LookupMap(number=0, supplies=Supplies.FORWARDS, shown="db", tells=True)
    tables = RoutingTables(local_domains=TABLES.local_domains, maps=(tells,))
    reply = refusal("carol@example.test", Database(forwards={"carol": ("carol@new.test",)}), tables)
    assert reply.code == 551
    assert "carol@new.test" in str(reply)


def test_a_tag_is_cut_off_for_maps_too() -> None:
    database = Database(users={"dora": ("",)})
    assert ends("dora+lists@example.test", database) == [("<dora+lists@example.test>", "maildir:dora")]


def test_a_virtual_domain_has_users_of_its_own_only() -> None:
    database = Database(virtual_domains={"v.test": ("1",)}, users={"eve@v.test": ("",), "dora": ("",)})
    assert ends("Eve@V.test", database) == [("<Eve@V.test>", "maildir:eve@v.test")]
    assert refusal("alice@v.test", database).code == 550
    assert refusal("dora@v.test", database).code == 550


def test_postmaster_of_a_virtual_domain_is_ours() -> None:
    database = Database(virtual_domains={"v.test": ("1",)})
    assert ends("postmaster@v.test", database) == [("<postmaster@v.test>", "maildir:root")]


def test_a_catch_all_takes_what_no_map_knows_in_a_virtual_domain() -> None:
    tables = RoutingTables(
        local_domains=TABLES.local_domains, users=TABLES.users, maps=MAPS, catch_all=(CatchAll(target="root"),)
    )
    database = Database(virtual_domains={"v.test": ("1",)})
    assert ends("any@v.test", database, tables) == [("<any@v.test>", "maildir:root")]


def test_a_domain_in_no_map_is_somebody_elses() -> None:
    assert refusal("x@away.test", Database()).code == 550
    assert isinstance(route("x@away.test", Database(), may_relay=True), Accepted)


@pytest.mark.parametrize("supplies", ["users", "aliases", "forwards"])
def test_a_map_in_trouble_is_451_and_names_itself_and_never_550(supplies: str) -> None:
    reply = refusal("dora@example.test", Database(**{supplies: {"dora@example.test": DOWN}}))
    assert (reply.code, str(reply.status), reply.cause.id) == (451, "4.3.0", "lookup.failed")
    assert reply.cause.rule in {each.rule for each in MAPS}
    assert dict(reply.cause.inputs)["error"] == "the database is down"


def test_a_map_of_domains_in_trouble_refuses_nobody_for_good() -> None:
    database = Database(virtual_domains={"away.test": DOWN})
    assert refusal("x@away.test", database).code == 451
    assert route("x@away.test", database, may_relay=True).reply.code == 451


def test_one_member_that_can_not_be_looked_up_keeps_the_whole_alias_waiting() -> None:
    assert refusal("team@example.test", Database(users={"bob": DOWN})).code == 451


def test_what_can_not_be_read_in_a_map_is_trouble_of_the_map() -> None:
    reply = refusal("dora@example.test", Database(users={"dora": ("../../etc",)}))
    assert reply.code == 451
    assert "can not name a mailbox" in dict(reply.cause.inputs)["error"]


def test_a_loop_through_maps_is_found() -> None:
    reply = refusal("ping@example.test", Database(aliases={"ping": ("pong",), "pong": ("ping",)}))
    assert (reply.code, reply.cause.id) == (554, "alias.loop")


def test_all_members_of_an_alias_are_asked_for_at_once_and_each_question_once() -> None:
    members = [f"m{number}" for number in range(50)]
    tables = RoutingTables(
        local_domains=TABLES.local_domains, aliases=(Alias(name="all", targets=tuple(members)),), maps=MAPS[:1]
    )
    database = Database(users=dict.fromkeys(members, ("",)))
    assert len(ends("all@example.test", database, tables)) == 50
    assert database.most_at_once >= 50
    assert max(database.asked.values()) == 1


def test_tables_in_memory_are_decided_without_waiting_and_asked_once() -> None:
    tables = RoutingTables(local_domains=TABLES.local_domains, users=TABLES.users)
    found = Router(tables, Boxes()).route(path("alice@example.test"), may_relay=False)
    with pytest.raises(StopIteration) as ended:
        found.send(None)  # it ends without giving the event loop a turn
    assert isinstance(ended.value.value, Accepted)


def test_other_tables_hold_at_once() -> None:
    router = Router(RoutingTables(local_domains=TABLES.local_domains), Boxes())
    asked = path("alice@example.test")
    assert asyncio.run(router.route(asked, may_relay=False)).reply.code == 550
    router.use(RoutingTables(local_domains=TABLES.local_domains, users=TABLES.users))
    assert asyncio.run(router.route(asked, may_relay=False)).reply.code == 250


def test_where_a_report_goes_is_not_guessed_while_a_map_is_in_trouble() -> None:
    router = Router(TABLES, Boxes(), Database(users={"dora": DOWN}))
    with pytest.raises(LookupFailed):
        asyncio.run(router.route_own(path("dora@example.test")))


def test_vrfy_and_expn_answer_from_maps() -> None:
    directory = Directory(
        TABLES,
        Database(users={"bob": ("",), "eve@v.test": ("",)}, virtual_domains={"v.test": ("1",)}, aliases={"all": DOWN}),
    )
    assert str(asyncio.run(directory.verify("bob"))) == "250 2.1.5 <bob@example.test>"
    assert str(asyncio.run(directory.verify("eve@v.test"))) == "250 2.1.5 <eve@v.test>"
    assert asyncio.run(directory.verify("alice@v.test")).code == 550
    assert asyncio.run(directory.expand("team")).lines == ("<alice@example.test>", "<bob@example.test>")
    assert asyncio.run(directory.expand("all")).code == 451


def test_a_member_from_a_file_is_named_by_its_line() -> None:
    included = Included("/lists/a", (Member("ext@away.test", Rule("/lists/a", 1)), Member("gone", Rule("/lists/a", 2))))
    alone = Included("/lists/b", (Member("gone", Rule("/lists/b", 7)),))
    tables = RoutingTables(
        local_domains=TABLES.local_domains,
        aliases=(Alias(name="list", included=(included,), rule=rule(4)), Alias(name="dead", included=(alone,))),
    )
    router = Router(tables, Boxes())
    routing, steps = asyncio.run(router.explain(path("list@example.test"), may_relay=False))
    assert isinstance(routing, Accepted)
    assert [str(to) for _, to in routing.expansions] == ["mx:away.test", "maildir:<gone@example.test>"]
    assert [step.rule for step in steps if step.kind is StepKind.INCLUDED] == [Rule("/lists/a", 1), Rule("/lists/a", 2)]
    assert refusal("dead@example.test", Database(), tables).cause.rule == Rule("/lists/b", 7)


def test_an_alias_whose_file_is_empty_is_nobody() -> None:
    tables = RoutingTables(
        local_domains=TABLES.local_domains, aliases=(Alias(name="list", included=(Included("/l", ()),), rule=rule(4)),)
    )
    assert refusal("list@example.test", Database(), tables).cause.rule == rule(4)


def test_the_steps_tell_what_was_asked_and_what_came() -> None:
    router = Router(TABLES, Boxes(), Database(users={"dora": ("box",)}))
    _, steps = asyncio.run(router.explain(path("dora@example.test"), may_relay=False))
    asked = [(step.about, step.words) for step in steps if step.kind is StepKind.ASKED]
    assert ("dora", ("db users", "box")) in asked
    assert steps[-1].kind is StepKind.MAILBOX
    assert steps[-1].words == ("maildir:box",)


def test_a_decision_that_is_never_answered_ends() -> None:
    class Silent:
        async def ask(self, question: Question) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    found: list[Routing] = []

    async def simulated(world: object) -> None:
        found.append(await Router(TABLES, Boxes(), Silent()).route(path("dora@example.test"), may_relay=False))

    run_simulated(simulated, seed=1)
    assert found[0].reply.code == 451
    assert "not answered within 60 seconds" in str(found[0].reply.cause)


def test_no_lookups_without_somebody_to_ask() -> None:
    assert asyncio.run(decided(lambda names: isinstance(names, Names), TABLES, Database()))
    assert asyncio.run(Router(TABLES, Boxes()).route(path("dora@example.test"), may_relay=False)).reply.code == 451
