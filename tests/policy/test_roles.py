"""What a listener is for decides who has to prove himself, what is offered, and what is put right."""

import base64

import pytest

from heloise.config import ConfigError
from heloise.config.load import parse_configuration
from heloise.reception.users import new_login
from heloise.testing import SimulatedHost
from tests.policy.house import CONFIGURATION, House, at_home

USERS = '[auth]\nusers = "users"\n'
LISTENERS = """\
[[listener]]
address = "192.0.2.1:587"
role = "submission"
allow_plaintext_auth = true
[[listener]]
address = "192.0.2.1:26"
role = "mx"
[[listener]]
address = "192.0.2.1:24"
role = "lmtp"
"""
SIGNED_IN = "AUTH PLAIN " + base64.b64encode(b"\0carol\0secret").decode()


def users(host: SimulatedHost) -> None:
    file = host.world.files.create("/var/lib/heloise/users")
    file.write(f"{new_login('carol', 'secret', ('carol@home.test',), b'salt-of-carol-16').encode()}\n".encode())
    file.close()


def at_work(play: object, more: str = "") -> None:
    at_home(play, more=LISTENERS + USERS + more, before=users)  # type: ignore[arg-type]


def test_where_servers_bring_mail_auth_is_neither_offered_nor_taken() -> None:
    async def play(house: House) -> None:
        client = await house.connect(port=26)
        await client.hear()
        assert "AUTH" not in await client.say("EHLO client.test")
        assert (await client.say(SIGNED_IN))[:3] in ("502", "504")
        assert (await client.send(to=("bob@home.test",)))[:3] == "250"

    at_work(play)


def test_where_users_submit_nobody_brings_mail_without_auth() -> None:
    async def play(house: House) -> None:
        client = await house.greeted(port=587)
        assert (await client.say("MAIL FROM:<carol@home.test>")).startswith("530 5.7.0")
        assert (await client.say(SIGNED_IN)).startswith("235")
        assert (await client.send(to=("x@elsewhere.test",)))[:3] == "250"

    at_work(play)


@pytest.mark.parametrize("more", ["", '[policy]\nhooks = "hooks.py"\n'])
def test_what_a_user_submits_is_completed_and_what_a_server_brings_is_not(more: str) -> None:
    def before(host: SimulatedHost) -> None:
        users(host)
        file = host.world.files.create("/var/lib/heloise/hooks.py")
        file.write(b"from heloise.policy import *\ndef on_message(view):\n    return CONTINUE\n")
        file.close()

    async def play(house: House) -> None:
        client = await house.greeted(port=587)
        await client.say(SIGNED_IN)
        await client.send("To: bob\r\n\r\nText\r\n", sender="carol@home.test")
        await (await house.greeted(port=26)).send("To: bob\r\n\r\nText\r\n")
        (message, submitted), (_, brought) = await house.queued()
        assert "\r\nTo: bob@home.test\r\nDate: " in submitted
        assert f"\r\nMessage-ID: <{message.message_id}@home.test>\r\n" in submitted
        assert submitted.endswith("\r\nFrom: <carol@home.test>\r\n\r\nText\r\n")
        assert message.facts.size == len(submitted)
        assert brought.endswith("\r\nTo: bob\r\n\r\nText\r\n")
        assert "Message-ID" not in brought

    at_home(play, more=LISTENERS + USERS + more, before=before)


def test_checks_of_strangers_are_for_servers_only() -> None:
    async def play(house: House) -> None:
        client = await house.connect(port=587)
        await client.hear()
        assert (await client.say("EHLO laptop"))[:3] == "250"
        client = await house.connect(port=26)
        await client.hear()
        assert (await client.say("EHLO laptop"))[:3] == "550"

    at_work(play, '[policy]\nhello_short = "refuse"\n')


def test_the_role_lmtp_speaks_lmtp() -> None:
    async def play(house: House) -> None:
        client = await house.connect(port=24)
        await client.hear()
        assert (await client.say("LHLO client.test"))[:3] == "250"

    at_work(play)


@pytest.mark.parametrize(
    ("listener", "told"),
    [
        ('address = "192.0.2.1:587"\nrole = "submission"', "role needs [auth] users"),
        ('address = "192.0.2.1:587"\nrole = "dev"', 'role "dev" lets everybody'),
        ('address = "192.0.2.1:587"\nrole = "mx"\nprotocol = "lmtp"', "does not go with protocol"),
        ('address = "192.0.2.1:587"\nrole = "mxx"', 'did you mean "mx"?'),
    ],
)
def test_a_role_that_does_not_fit_is_told_with_its_line(listener: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_configuration(f"{CONFIGURATION}[[listener]]\n{listener}\n", file="heloise.toml", directory="/")
    assert told in str(caught.value)
    assert "heloise.toml:20" in str(caught.value)
