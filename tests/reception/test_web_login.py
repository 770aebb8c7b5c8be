"""Users that web services and databases know: what is asked, what an answer means, and what no answer means."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qs

import pytest

from heloise.mail.address import Mailbox
from heloise.reception.authority import Authority, nobody
from heloise.reception.database_users import DatabaseUsers
from heloise.reception.guessing import Guesses
from heloise.reception.users import Login, Scheme, UsersUnavailable, new_login, read_login
from heloise.reception.web_login import PasswordService, TokenRules, TokenService, WebService, basic
from heloise.routing.lookup import Values
from heloise.routing.sources import SourceTrouble
from heloise.smtp.events import CredentialsProposed
from heloise.smtp.sasl.cram_md5 import CramMd5Client, CramMd5Server
from heloise.smtp.sasl.login import LoginServer
from heloise.smtp.sasl.mechanism import Challenge, Credentials, PasswordOffered, Question, Refused, TokenOffered
from heloise.smtp.sasl.oauth import OAuthServer
from heloise.smtp.sasl.scram import ScramClient, ScramServer
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.web import WebCall
from heloise.world import World
from heloise.world.errors import LinkError, LinkFault
from heloise.world.http import HttpAnswer

URL = "https://app.example.test/login"
CLIENT = "203.0.113.9"


def told(status: int = 200, **fields: object) -> HttpAnswer:
    return HttpAnswer(status=status, body=json.dumps(fields).encode())


def with_service(
    service: Callable[[WebCall], HttpAnswer], work: Callable[[World, SimulatedWorld], Awaitable[None]]
) -> list[WebCall]:
    """The calls that the service got while `work` was done."""
    calls: list[WebCall] = []

    async def story(simulation: SimulatedWorld) -> None:
        world = simulation.host("mx.test", "192.0.2.25").world
        simulation.web.install(URL, service)
        await work(world, simulation)
        calls.extend(simulation.web.calls)

    run_simulated(story)
    return calls


def by_service(world: World, **options: float) -> PasswordService:
    return PasswordService(WebService(url=URL, headers={"Authorization": "Bearer x"}, **options), world)  # type: ignore[arg-type]


def by_token(world: World, scope: str | None = None, **options: float) -> TokenService:
    service = WebService(url=URL, headers={"Authorization": basic("mail", "s:x")}, **options)  # type: ignore[arg-type]
    return TokenService(service, TokenRules(scope=scope), world)


def offered(question: Question) -> CredentialsProposed:
    return CredentialsProposed("TEST", question, LoginServer())


def test_a_service_is_told_user_password_and_client_and_may_tell_addresses() -> None:
    async def work(world: World, simulation: SimulatedWorld) -> None:
        authority = Authority(nobody, world, passwords=by_service(world), match_senders=True)
        assert (await authority.judge(offered(PasswordOffered("alice", "sesame")), CLIENT)).code == 235
        assert await authority.sender_refused("alice", Mailbox.from_text("me@alice.example")) is None
        assert await authority.sender_refused("alice", Mailbox.from_text("me@bob.example")) is not None

    (call,) = with_service(lambda call: told(addresses=["@alice.example"]), work)
    assert json.loads(call.body) == {"user": "alice", "password": "sesame", "client": CLIENT}
    assert call.request.headers["Authorization"] == "Bearer x"


def test_a_good_answer_holds_for_a_while_and_for_this_password_only() -> None:
    async def work(world: World, simulation: SimulatedWorld) -> None:
        service = by_service(world, keep=60.0)
        for password in ("sesame", "sesame", "wrong", "wrong", "sesame"):
            found = await service.check("alice", password, CLIENT)
            assert (found is not None) == (password == "sesame")

    calls = with_service(lambda call: told(200 if b"sesame" in call.body else 403), work)
    assert [json.loads(call.body)["password"] for call in calls] == ["sesame", "wrong", "wrong"]


def refused(call: WebCall) -> HttpAnswer:
    raise LinkError(LinkFault.REFUSED, "nobody there")


@pytest.mark.parametrize(
    "service",
    [
        refused,
        lambda call: told(500),
        lambda call: told(302),
        lambda call: HttpAnswer(status=200, body=b"[]"),
        lambda call: HttpAnswer(status=200, body=b"{"),
        lambda call: told(addresses="alice"),
        lambda call: told(addresses=["no address"]),
    ],
)
def test_a_service_in_trouble_is_454_and_counts_for_nobody(service: Callable[[WebCall], HttpAnswer]) -> None:
    troubles: list[str] = []

    async def work(world: World, simulation: SimulatedWorld) -> None:
        guesses = Guesses(per_client=1)
        authority = Authority(nobody, world, passwords=by_service(world), guesses=guesses, trouble=troubles.append)
        for _ in range(2):
            reply = await authority.judge(offered(PasswordOffered("alice", "sesame")), CLIENT)
            assert str(reply).startswith("454 4.7.0")
            assert reply.cause.id == "auth.trouble"

    with_service(service, work)
    assert len(troubles) == 2
    assert "sesame" not in "".join(troubles)


def test_a_service_that_is_silent_has_a_deadline() -> None:
    async def work(world: World, simulation: SimulatedWorld) -> None:
        async def silent(call: WebCall) -> HttpAnswer:
            await asyncio.sleep(60)
            raise LinkError(LinkFault.TIMED_OUT, "")

        simulation.web.install(URL, silent)
        begun = world.clock.monotonic()
        with pytest.raises(UsersUnavailable):
            await by_service(world, timeout=3.0).check("alice", "sesame", CLIENT)
        assert world.clock.monotonic() - begun < 4

    with_service(refused, work)


def test_an_authorization_server_is_asked_about_a_token_as_the_rfc_wants() -> None:
    """RFC 7662 §2.1, RFC 6749 §2.3.1."""

    async def work(world: World, simulation: SimulatedWorld) -> None:
        authority = Authority(nobody, world, tokens=by_token(world))
        assert (await authority.judge(offered(TokenOffered("alice", "t0ken")), CLIENT)).code == 235

    (call,) = with_service(lambda call: told(active=True, username="alice"), work)
    assert parse_qs(call.body.decode()) == {"token": ["t0ken"], "token_type_hint": ["access_token"]}
    assert b64decode(call.request.headers["Authorization"].removeprefix("Basic ")) == b"mail:s%3Ax"


@pytest.mark.parametrize(
    "answer",
    [
        {"active": False},
        {"active": "yes", "username": "alice"},
        {"active": True},
        {"active": True, "username": "bob"},
        {"active": True, "username": "alice", "exp": 1},
        {"active": True, "username": "alice", "nbf": 1e12},
        {"active": True, "username": "alice", "scope": "read"},
        {"active": True, "sub": 7},
    ],
)
def test_a_token_that_is_no_good_or_of_somebody_else_is_refused_in_two_steps(answer: dict[str, object]) -> None:
    """RFC 7628 §3.2.3. One wrong token counts once."""

    async def work(world: World, simulation: SimulatedWorld) -> None:
        authority = Authority(nobody, world, tokens=by_token(world, "mail"), guesses=Guesses(per_client=2))
        exchange = OAuthServer("XOAUTH2")
        question = exchange.respond(b"user=alice\1auth=Bearer t0ken\1\1")
        assert isinstance(question, TokenOffered)
        reply = await authority.judge(CredentialsProposed("XOAUTH2", question, exchange), CLIENT)
        assert reply.code == 334
        assert exchange.respond(b"") == Refused("alice")
        assert (await authority.judge(offered(Refused("alice")), CLIENT)).code == 535

    with_service(lambda call: HttpAnswer(status=200, body=json.dumps(answer).encode()), work)


def test_a_remembered_token_expires_when_it_says_so() -> None:
    async def work(world: World, simulation: SimulatedWorld) -> None:
        until = world.clock.now() + 5
        simulation.web.install(URL, lambda call: told(active=True, email="alice", exp=until))
        tokens = by_token(world, keep=3600.0)
        assert await tokens.user_of("t") == "alice"
        await asyncio.sleep(6)
        assert await tokens.user_of("t") is None

    assert len(with_service(refused, work)) == 1


class Rows:
    """A database with one user, or one that is down."""

    def __init__(self, rows: Sequence[str] | None) -> None:
        self._rows = rows

    async def values(self, key: str) -> Values:
        if self._rows is None:
            raise SourceTrouble("down")
        return tuple(self._rows) if key == "alice" else ()

    async def close(self) -> None:
        pass


ALICE = new_login("alice", "sesame", ("alice@example.test",), b"salt-of-test", tuple(Scheme))


def test_users_in_a_database_are_read_word_by_word() -> None:
    async def story(simulation: SimulatedWorld) -> None:
        words = ALICE.encode().partition(":")[2].split()
        users = DatabaseUsers(Rows(words), timeout=1)
        assert await users.login("alice") == ALICE
        assert await users.login("bob") is None
        for broken in (Rows(None), Rows(["SCRAM-SHA-256$1"])):
            with pytest.raises(UsersUnavailable):
                await DatabaseUsers(broken, timeout=1).login("alice")

    run_simulated(story)


@pytest.mark.parametrize("scheme", list(Scheme))
def test_whatever_is_kept_of_a_password_is_read_as_written_and_knows_it(scheme: Scheme) -> None:
    login = new_login("alice", "sesame", ("@example.test",), b"salt-of-test", (scheme,))
    name, _, rest = login.encode().partition(":")
    assert read_login(name, rest.split()) == login
    assert login.schemes == (scheme,)
    assert login.knows("sesame")
    assert not login.knows("Sesame")
    assert "sesame" not in repr(login)


@pytest.mark.parametrize(
    "words",
    [
        "scrypt$ln=31,r=8,p=1$c2FsdA==$" + "A" * 43 + "=",
        "scrypt$ln=15,r=8,p=1$c2FsdA==$AAAA",
        "SCRAM-SHA-1$4096:c2FsdA==$AAAA:AAAA",
        "SECRET$***",
        "argon2id$x",
    ],
)
def test_what_is_kept_wrongly_is_told_without_it(words: str) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        read_login("alice", [words])
    assert "c2FsdA" not in str(told.value)


def test_each_mechanism_has_what_it_needs_or_is_refused() -> None:
    async def find(user: str) -> Login | None:
        return ALICE if user == "alice" else None

    async def story(simulation: SimulatedWorld) -> None:
        authority = Authority(find, simulation.host("mx.test", "192.0.2.25").world)

        async def cram(user: str, password: str) -> int:
            server, client = CramMd5Server("n", "mx.test"), CramMd5Client(Credentials(user, password))
            challenge = server.respond(None)
            assert isinstance(challenge, Challenge)
            question = server.respond(client.answer(challenge.octets))
            assert not isinstance(question, Challenge)
            return (await authority.judge(CredentialsProposed("CRAM-MD5", question, server), None)).code

        assert await cram("alice", "sesame") == 235
        assert await cram("alice", "") == 535
        assert await cram("bob", "") == 535

        server, client = (
            ScramServer("SCRAM-SHA-1", "x"),
            ScramClient("SCRAM-SHA-1", Credentials("alice", "sesame"), "y"),
        )
        question = server.respond(client.initial)
        assert not isinstance(question, Challenge)
        reply = await authority.judge(CredentialsProposed("SCRAM-SHA-1", question, server), None)
        final = server.respond(client.answer(b64decode(reply.text)))
        assert isinstance(final, Challenge)
        assert client.answer(final.octets) == b""

    run_simulated(story)
