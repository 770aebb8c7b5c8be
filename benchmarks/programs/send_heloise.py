"""heloise: `send` for one message on a connection, a `Conversation` for many; a task each. See telling.py."""

import asyncio

import heloise
from benchmarks.programs.telling import HOST, ONE_PER_CONNECTION, PORT, RECIPIENT, SENDER, measured, message, shares
from heloise.link.converse import Conversation
from heloise.link.dial import dial
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.world import Endpoint, World

MESSAGE = message()


async def send(world: World, count: int) -> None:
    """Send so many, one after the other."""
    if ONE_PER_CONNECTION:
        for _ in range(count):
            await heloise.send(MESSAGE, sender=SENDER, recipients=[RECIPIENT], host=HOST, port=PORT)
        return
    conversation = await dial(world, Endpoint(HOST, PORT), ClientOptions(hello_name="client.test"), discover())
    assert isinstance(conversation, Conversation), conversation
    envelope = Envelope.parse(f"<{SENDER}>\r\n<{RECIPIENT}>".encode())
    facts = content_facts(MESSAGE)
    for _ in range(count):
        [answer] = await conversation.deliver(envelope, MemoryContent(MESSAGE), facts)
        assert answer.is_taken, answer
    await conversation.quit()


async def main() -> None:
    """All sessions."""
    world = real_world()
    try:
        with measured():
            await asyncio.gather(*(send(world, count) for count in shares()))
    finally:
        await world.blocking.close()


if __name__ == "__main__":
    asyncio.run(main())
