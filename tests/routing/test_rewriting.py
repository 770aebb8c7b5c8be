"""Where senders are rewritten, and what becomes of mail for a rewritten address."""

import asyncio

import pytest

from heloise.mail import causes
from heloise.mail.path import ForwardPath, ReversePath
from heloise.routing.rewriting import Rewriting, RewritingRouter
from heloise.routing.router import Accepted, Refusal, Router
from heloise.routing.srs import Scheme
from heloise.routing.tables import Forward, LocalDomain, RoutingTables, User
from tests.routing.test_router import Boxes

TABLES = RoutingTables(
    local_domains=(LocalDomain(name="Here.test"), LocalDomain(name="srs.here.test")),
    users=(User(name="alice"),),
    forwards=(Forward(name="carol", to=ForwardPath.parse(b"<carol@far.test>")),),
)
SCHEME = Scheme(domain="srs.here.test", secrets=(b"it is a secret",), max_age=10)
DAY = 86400.0


class Calendar:
    day = 0.0

    def now(self) -> float:
        return 1_700_000_000 + self.day * DAY

    def monotonic(self) -> float:
        return 0.0


def forward(text: str) -> ForwardPath:
    return ForwardPath.parse(f"<{text}>".encode())


def make(calendar: Calendar | None = None) -> tuple[RewritingRouter, Rewriting]:
    router = Router(TABLES, Boxes())
    rewriting = Rewriting(SCHEME, calendar or Calendar(), router.is_local)
    return RewritingRouter(router, rewriting), rewriting


def sender_for(sender: str, target: str) -> str | None:
    found = asyncio.run(make()[1].sender_for(ReversePath.parse(f"<{sender}>".encode()), forward(target)))
    return None if found is None else str(found)


def test_a_sender_elsewhere_is_rewritten_when_his_mail_goes_elsewhere() -> None:
    found = sender_for("Bob@Away.test", "carol@far.test")
    assert found is not None
    assert found.startswith("<SRS0=")
    assert found.endswith("=Away.test=Bob@srs.here.test>")


@pytest.mark.parametrize(
    ("sender", "target"),
    [
        ("bob@away.test", "alice@here.test"),
        ("alice@HERE.test", "carol@far.test"),
        ("SRS0=abcd=2W=away.test=bob@srs.here.test", "carol@far.test"),
        ("", "carol@far.test"),
        ("bob@away.test", "Postmaster"),
        (f"{'b' * 240}@away.test", "carol@far.test"),
    ],
    ids=["to-us", "our-own", "rewritten-already", "nobody", "bare-postmaster", "too-long"],
)
def test_others_are_not(sender: str, target: str) -> None:
    assert sender_for(sender, target) is None


def rewritten(rewriting: Rewriting, sender: str) -> ForwardPath:
    found = asyncio.run(rewriting.sender_for(ReversePath.parse(f"<{sender}>".encode()), forward("carol@far.test")))
    assert found is not None
    return ForwardPath(found.mailbox)


def test_a_report_goes_to_the_sender_whoever_brings_it() -> None:
    router, rewriting = make()
    path = rewritten(rewriting, "bob@away.test")
    found = asyncio.run(router.route(path, may_relay=False))
    assert isinstance(found, Accepted)
    assert [str(to) for to, _ in found.expansions] == ["<bob@away.test>"]
    assert [str(route) for _, route in found.expansions] == ["mx:away.test"]
    assert found.told == (f"{path}... leads back to <bob@away.test>",)
    assert asyncio.run(router.route_own(path)) == found.expansions


def test_a_report_may_have_lost_the_case_of_its_address() -> None:
    router, rewriting = make()
    path = forward(str(rewritten(rewriting, "bob@away.test").mailbox).lower())
    assert isinstance(asyncio.run(router.route(path, may_relay=False)), Accepted)


def test_a_forged_address_is_refused() -> None:
    router, rewriting = make()
    path = forward(str(rewritten(rewriting, "bob@away.test").mailbox).replace("=bob@", "=eve@"))
    found = asyncio.run(router.route(path, may_relay=True))
    assert isinstance(found, Refusal)
    assert str(found.reply) == f"550 5.7.1 {path} was not made here"
    assert found.reply.cause.kind is causes.SRS_FORGED
    assert asyncio.run(router.route_own(path)) == ()


def test_an_expired_address_is_refused_and_told_so() -> None:
    calendar = Calendar()
    router, rewriting = make(calendar)
    path = rewritten(rewriting, "bob@away.test")
    calendar.day = 10
    assert isinstance(asyncio.run(router.route(path, may_relay=False)), Accepted)
    calendar.day = 11
    found = asyncio.run(router.route(path, may_relay=False))
    assert isinstance(found, Refusal)
    assert str(found.reply) == f"550 5.1.1 {path} has expired"
    assert found.reply.cause.kind is causes.SRS_EXPIRED
    assert found.reply.cause.inputs[1:] == (("days", "11"), ("limit", "10"))


@pytest.mark.parametrize("name", ["SRS0=abcd=2W=away.test=bob@here.test", "srs0@srs.here.test"])
def test_what_is_not_of_the_scheme_is_a_name_like_any_other(name: str) -> None:
    router, _ = make()
    found = asyncio.run(router.route(forward(name), may_relay=False))
    assert isinstance(found, Refusal)
    assert found.reply.cause.kind is causes.RECIPIENT_UNKNOWN


def test_other_mail_is_routed_as_without_the_scheme() -> None:
    router, _ = make()
    plain = Router(TABLES, Boxes())
    for name in ("alice@here.test", "carol@here.test", "Postmaster"):
        assert asyncio.run(router.route(forward(name), may_relay=False)) == asyncio.run(
            plain.route(forward(name), may_relay=False)
        )
        assert asyncio.run(router.route_own(forward(name))) == asyncio.run(plain.route_own(forward(name)))
