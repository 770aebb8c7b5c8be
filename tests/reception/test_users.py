"""The file of users, the guessing of passwords, and who is let in."""

import asyncio

import pytest

from heloise.mail.address import Mailbox
from heloise.reception.authority import Authority
from heloise.reception.guessing import Guesses
from heloise.reception.users import (
    Login,
    Scheme,
    UsersError,
    UsersUnavailable,
    keys_of_nobody,
    new_login,
    read_users,
)
from heloise.smtp.events import CredentialsProposed
from heloise.smtp.sasl.mechanism import KeysWanted, PasswordOffered
from heloise.smtp.sasl.scram import ScramServer
from heloise.testing import SimulatedWorld, run_simulated

BOB = new_login("bob", "sesame", ("bob@example.test", "@Bob.example"), b"salt")
STRANGER = "198.51.100.7"


def offered(user: str, password: str) -> CredentialsProposed:
    return CredentialsProposed("PLAIN", PasswordOffered(user, password), ScramServer("SCRAM-SHA-256", "x"))


async def bob_only(user: str) -> Login | None:
    return BOB if user == "bob" else None


async def nobody_knows(user: str) -> Login | None:
    raise UsersUnavailable("the file is gone")


def test_a_user_is_read_as_written() -> None:
    assert read_users(f"# users\n\n{BOB.encode()}\n") == {"bob": BOB}
    assert BOB.knows("sesame")
    assert not BOB.knows("Sesame")
    assert "sesame" not in BOB.encode() + repr(BOB)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bob", "name:SCRAM"),
        ("bob:sesame", "name:SCRAM"),
        (BOB.encode().replace("65536", "100"), "too few"),
        (BOB.encode().replace("bob@example.test", "nowhere"), "neither an address"),
        (BOB.encode().replace("bob:", "b b:"), "no blanks"),
        (f"{BOB.encode()}\n{BOB.encode()}", "twice"),
    ],
)
def test_a_line_that_can_not_be_read_is_named_without_its_keys(line: str, words: str) -> None:
    with pytest.raises(UsersError, match=words) as caught:
        read_users(f"# users\n{line}\n")
    assert caught.value.line == 2 + line.count("\n")
    assert "sesame" not in str(caught.value)


def test_a_user_owns_his_addresses_his_domains_and_his_name() -> None:
    def owns(login: Login, sender: str) -> bool:
        return login.owns(Mailbox.from_text(sender))

    assert owns(BOB, "bob@example.test")
    assert owns(BOB, "anything@bob.EXAMPLE")
    assert not owns(BOB, "alice@example.test")
    assert not owns(BOB, "bob@sub.bob.example")
    assert owns(Login(name="eve@example.test", keys=BOB.keys), "eve@example.test")
    assert not owns(Login(name="eve", keys=BOB.keys), "eve@example.test")


def test_an_unknown_user_has_the_same_salt_each_time_and_no_password() -> None:
    keys = keys_of_nobody("eve", b"secret")
    assert keys == keys_of_nobody("eve", b"secret")
    assert BOB.keys is not None
    assert keys.iterations == BOB.keys.iterations
    assert keys.salt != keys_of_nobody("mallory", b"secret").salt


def test_who_was_wrong_too_often_is_locked_out_until_time_has_passed() -> None:
    guesses = Guesses(per_client=2, per_user=3, window=60)
    for moment in (0, 1):
        assert guesses.locked(STRANGER, "bob", moment) is None
        guesses.was_wrong(STRANGER, "bob", moment)
    assert guesses.locked(STRANGER, "alice", 2) == "client"
    assert guesses.locked("198.51.100.8", "bob", 2) is None
    guesses.was_wrong("198.51.100.8", "bob", 2)
    assert guesses.locked("198.51.100.9", "bob", 3) == "user"
    assert guesses.locked(None, "alice", 3) is None
    assert guesses.locked(STRANGER, "bob", 62) is None


def test_all_addresses_of_one_network_are_one_client() -> None:
    guesses = Guesses(per_client=1)
    guesses.was_wrong("2001:db8::1", "bob", 0)
    assert guesses.locked("2001:db8::ffff", "alice", 1) == "client"
    assert guesses.locked("2001:db8:0:1::1", "alice", 1) is None


def test_a_password_that_was_right_is_not_counted() -> None:
    guesses = Guesses(per_client=1)
    guesses.was_wrong(STRANGER, "bob", 0)
    guesses.was_right(STRANGER, "bob")
    assert guesses.locked(STRANGER, "bob", 1) is None


def test_the_right_password_comes_in_until_there_were_too_many_wrong_ones() -> None:
    async def story(world: SimulatedWorld) -> None:
        authority = Authority(
            bob_only, world.host("mx.test", "192.0.2.25").world, guesses=Guesses(per_client=2, window=60)
        )

        async def said(user: str, password: str) -> str:
            return str(await authority.judge(offered(user, password), STRANGER))

        assert (await said("bob", "sesame")).startswith("235")
        assert (await said("bob", "wrong")).startswith("535 5.7.8")
        assert (await said("eve", "sesame")).startswith("535 5.7.8")
        assert (await said("bob", "sesame")).startswith("454 4.7.0")
        await asyncio.sleep(61)
        assert (await said("bob", "sesame")).startswith("235")

    run_simulated(story)


def test_users_that_can_not_be_known_are_trouble_and_not_a_refusal() -> None:
    async def story(world: SimulatedWorld) -> None:
        authority = Authority(nobody_knows, world.host("mx.test", "192.0.2.25").world)
        assert (await authority.judge(offered("bob", "sesame"), None)).code == 454

    run_simulated(story)


def test_scram_for_an_unknown_user_gets_a_challenge_as_any_other() -> None:
    async def story(world: SimulatedWorld) -> None:
        exchange = ScramServer("SCRAM-SHA-256", "x")
        exchange.respond(b"n,,n=eve,r=abc")
        proposal = CredentialsProposed("SCRAM-SHA-256", KeysWanted("eve"), exchange)
        assert (
            await Authority(bob_only, world.host("mx.test", "192.0.2.25").world).judge(proposal, STRANGER)
        ).code == 334

    run_simulated(story)


def test_a_user_sends_from_his_own_addresses_and_reports_from_nobody() -> None:
    async def story(world: SimulatedWorld) -> None:
        authority = Authority(bob_only, world.host("mx.test", "192.0.2.25").world, match_senders=True)
        assert await authority.sender_refused("bob", Mailbox.from_text("bob@example.test")) is None
        assert await authority.sender_refused("bob", None) is None
        refusal = await authority.sender_refused("bob", Mailbox.from_text("alice@example.test"))
        assert refusal is not None
        assert str(refusal).startswith("553 5.7.1")

    run_simulated(story)


# The test vector of the reference implementation, and what other programs write with other parameters.
ARGON2 = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


def test_a_hash_of_argon2_that_another_program_made_is_good() -> None:
    (carol,) = read_users(f"carol:{ARGON2} carol@example.test\n").values()
    assert carol.knows("password")
    assert not carol.knows("Password")
    assert carol.schemes == (Scheme.ARGON2,)
    assert carol.addresses == ("carol@example.test",)
    assert ARGON2 not in repr(carol)


def test_a_hash_of_argon2_is_made_and_read_back() -> None:
    dave = new_login("dave", "sesame", (), b"salt-of-dave-16o", (Scheme.ARGON2,))
    assert dave.encode().startswith("dave:$argon2id$v=19$m=65536,t=3,p=4$")
    assert read_users(dave.encode()) == {"dave": dave}
    assert dave.knows("sesame")


@pytest.mark.parametrize(
    "broken",
    [
        ARGON2[:40],
        ARGON2.replace("v=19", "v=16"),
        ARGON2.replace("m=65536", "m=4194304"),
        ARGON2.replace("t=2", "t=999"),
        ARGON2.replace("p=1", "p=0"),
        ARGON2.replace("argon2id", "argon2x"),
    ],
)
def test_a_hash_of_argon2_that_is_broken_or_a_bomb_is_refused(broken: str) -> None:
    with pytest.raises(UsersError, match=r"Argon2|none of"):
        read_users(f"carol:{broken}")


def test_without_the_package_a_hash_of_argon2_is_told_to_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsersError, match=r"heloise\[argon2\]"):
        read_users(f"carol:{ARGON2}")
