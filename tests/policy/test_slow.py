"""Who sends an octet now and then does not keep a session for ever; who sends slowly but sends does."""

import asyncio

from tests.policy.house import House, at_home

MORE = '[limits]\ncommand_timeout = "60s"\ndata_timeout = "60s"\ndata_rate = 10\n'


def test_an_octet_of_a_command_now_and_then_is_not_enough() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        for _ in range(20):
            client.stream.send(b"N")
            await asyncio.sleep(10)
        assert await client.hear() == "421 4.4.2 Silent for too long, closing"

    at_home(play, more=MORE)


def test_a_message_that_hardly_comes_in_is_given_up() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<u@away.test>", "DATA")
        for _ in range(20):
            client.stream.send(b"x\r\n")
            await asyncio.sleep(10)
        assert await client.hear() == "421 4.4.2 Silent for too long, closing"

    at_home(play, more=MORE)


def test_a_message_that_comes_in_slowly_is_taken() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<u@away.test>", "DATA")
        for _ in range(30):
            client.stream.send(b"x" * 150 + b"\r\n")
            await asyncio.sleep(10)
        assert (await client.say(".")).startswith("250")

    at_home(play, more=MORE)


def test_slow_commands_and_chunks_keep_a_session() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<u@away.test>")
        for _ in range(5):
            client.stream.send(b"BDAT 1202\r\n" + b"x" * 1200 + b"\r\n")
            assert (await client.hear()).startswith("250")
            await asyncio.sleep(50)
        assert (await client.say("BDAT 0 LAST")).startswith("250")
        await asyncio.sleep(50)
        assert (await client.say("NOOP")).startswith("250")

    at_home(play, more=MORE)


def test_an_octet_in_a_chunk_now_and_then_is_as_slow_as_one_without_chunks() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<u@away.test>")
        heard = "250"
        begun = house.world.clock.now()
        while heard.startswith("250"):
            client.stream.send(b"BDAT 3\r\nx\r\n")
            heard = await client.hear()
            await asyncio.sleep(10)
        assert heard.startswith("421 4.4.2")
        assert house.world.clock.now() - begun < 200

    at_home(play, more=MORE)
