"""So much and no more in a time: for clients, networks and users, each refusal with the line that says so."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.policy.meters import Metered, Meters, Quota
from tests.policy.house import MESSAGE, House, at_home


def quota(**amounts: str) -> str:
    per = amounts.pop("per", "client")
    return f'[[quota]]\nper = "{per}"\n' + "".join(f'{key} = "{value}"\n' for key, value in amounts.items())


def test_connections_of_a_client_are_counted_by_its_address() -> None:
    async def play(house: House) -> None:
        said = [(await (await house.connect()).hear())[:9] for _ in range(4)]
        assert said == ["220 mx.ho", "220 mx.ho", "220 mx.ho", "421 4.7.0"]
        assert (await (await house.connect("198.51.100.8")).hear()).startswith("220")
        (refused,) = house.events("command.refused")
        assert (refused["cause"], refused["rule"]) == ("quota.exceeded", "heloise.toml:20")
        inputs = refused["inputs"]
        assert isinstance(inputs, dict)
        assert (inputs["who"], inputs["per"], inputs["limit"]) == ("198.51.100.7", "client", "3")
        await asyncio.sleep(21)  # a third of a minute brings one more
        assert (await (await house.connect()).hear()).startswith("220")

    at_home(play, more=quota(connections="3/1m"))


@pytest.mark.parametrize("neighbour", ["198.51.100.200", "2001:db8:1:1::9"])
def test_a_network_is_counted_as_one(neighbour: str) -> None:
    async def play(house: House) -> None:
        assert (await (await house.connect("198.51.100.7")).hear()).startswith("220")
        assert (await (await house.connect(neighbour)).hear())[:3] == ("220" if ":" in neighbour else "421")

    at_home(play, more=quota(per="network", connections="1/1m"))


def test_messages_and_recipients_are_counted() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send(to=("a@away.test", "b@away.test")))[:3] == "250"
        assert (await client.send(to=("a@away.test", "b@away.test"))).startswith("450 4.7.1 Too many recipients")
        await client.say("RSET")
        assert (await client.send()).startswith("450 4.7.1 Too many messages")

    at_home(play, more=quota(messages="2/1h", recipients="3/1h"))


def test_octets_are_counted_when_they_are_taken_and_hold_up_the_next_message() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        big = MESSAGE + "x" * 70 + "\r\n"
        assert (await client.send(big * 20))[:3] == "250"
        assert (await client.send()).startswith("450 4.7.1 Too many octets")
        await asyncio.sleep(2 * 3600)
        assert (await (await house.greeted()).send())[:3] == "250"

    at_home(play, more=quota(octets="1 KiB/1h"))


def test_whoever_tries_names_is_not_greeted_for_a_while() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.say("MAIL FROM:<c@client.test>")
        for number in range(5):
            assert (await client.say(f"RCPT TO:<user{number}@home.test>"))[:3] == "550"
        await client.all("NONSENSE", "QUIT")
        await client.hear()
        assert (await (await house.connect()).hear()).startswith("421 4.7.0 Too many errors")
        await asyncio.sleep(3600)
        assert (await (await house.connect()).hear()).startswith("220")

    at_home(play, more=quota(errors="6/1h"))


def test_questions_about_names_are_counted() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert [(await client.say("VRFY bob"))[:3] for _ in range(3)] == ["250", "250", "450"]

    at_home(play, more=quota(lookups="2/1m") + '[extensions]\nVRFY = "any"\n')


def test_a_quota_of_some_networks_is_for_nobody_else() -> None:
    async def play(house: House) -> None:
        for _ in range(3):
            assert (await (await house.connect("203.0.113.5")).hear()).startswith("220")
        await (await house.connect()).hear()
        assert (await (await house.connect()).hear()).startswith("421")

    at_home(play, more=quota(connections="1/1m") + 'networks = ["198.51.100.0/24"]\n')


def test_no_more_is_remembered_than_may_be() -> None:
    meters = Meters(most=100)
    for number in range(1000):
        meters.spend(0, Metered.CONNECTIONS, f"client {number}", Quota(5, 60), now=float(number))
    assert len(meters) == 100


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 10))
def test_never_more_than_twice_the_amount_passes_in_one_stretch(gaps: list[float], amount: int) -> None:
    meters, limit, now = Meters(), Quota(amount, 60), 0.0
    passed: list[float] = []
    for gap in gaps:
        now += gap
        if meters.wait(0, Metered.MESSAGES, "a", limit, now) == 0:
            meters.spend(0, Metered.MESSAGES, "a", limit, now)
            passed.append(now)
    for start in passed:
        assert sum(start <= each < start + 60 for each in passed) <= 2 * amount
