"""Who can not wait for the greeting, who guesses, and who comes with too many at once."""

import asyncio

from tests.policy.house import House, at_home


def test_who_speaks_before_the_greeting_gets_554_with_a_cause() -> None:
    async def play(house: House) -> None:
        client = await house.connect()
        client.stream.send(b"EHLO client.test\r\nMAIL FROM:<c@client.test>\r\n")
        assert await client.hear() == "554 mx.home.test takes no mail from you"
        (refused,) = house.events("command.refused")
        assert (refused["cause"], refused["rule"]) == ("session.early-talker", "heloise.toml:19")

    at_home(play, more='[policy]\ngreet_delay = "5s"\n')


def test_who_waits_is_greeted_and_who_may_relay_need_not_wait() -> None:
    async def play(house: House) -> None:
        begun = house.world.clock.now()
        client = await house.connect()
        assert (await client.hear()).startswith("220")
        assert 5 <= house.world.clock.now() - begun < 6
        begun = house.world.clock.now()
        client = await house.connect("203.0.113.1")
        client.stream.send(b"EHLO client.test\r\n")
        assert (await client.hear()).startswith("220")
        assert house.world.clock.now() - begun < 1
        assert (await client.hear()).startswith("250")

    at_home(play, more='[policy]\ngreet_delay = "5s"\n[relay]\nnetworks = ["203.0.113.1"]\n')


def test_mistakes_are_answered_slowly_and_the_rest_is_not() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        begun = house.world.clock.now()
        await client.all("NOOP", "MAIL FROM:<c@client.test>", "RCPT TO:<bob@home.test>")
        assert house.world.clock.now() - begun < 1
        await client.say("RCPT TO:<nobody@home.test>")
        assert house.world.clock.now() - begun >= 10
        await client.say("HALLO")  # a mistake in the words as well
        assert house.world.clock.now() - begun >= 20

    at_home(play, more='[policy]\ntarpit = "10s"\n')


def test_no_more_are_made_to_wait_than_may_be() -> None:
    from heloise.reception.waiting import Waiting

    async def run() -> int:
        waiting = Waiting(tarpit=0.05, most=3)
        done: list[int] = []

        async def one(number: int) -> None:
            await waiting.before_refusal()
            done.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(10)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        early = len(done)
        await asyncio.gather(*tasks)
        return early

    assert asyncio.run(run()) == 7


def test_a_network_has_no_more_sessions_at_once_than_it_may() -> None:
    async def play(house: House) -> None:
        for address in ("198.51.100.1", "198.51.100.2"):
            assert (await (await house.connect(address)).hear()).startswith("220")
        third = await house.connect("198.51.100.3")
        assert (await third.hear()).startswith("421 4.3.2")
        (refused,) = house.events("session.turned-away")
        inputs = refused["inputs"]
        assert isinstance(inputs, dict)
        assert inputs["network"] == "198.51.100.0/24"
        assert refused["rule"] == "heloise.toml:19"
        assert (await (await house.connect("198.51.101.1")).hear()).startswith("220")

    at_home(play, more="[limits]\nconnections_per_network = 2\n")
