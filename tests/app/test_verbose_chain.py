"""VERB through several servers: the client sees every conversation, each marked as whose it is."""

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer, StoreOptions
from heloise.config import parse_configuration
from heloise.link.converse import Conversation
from heloise.link.dial import dial
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.mail.reply import Reply
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from heloise.world import Endpoint
from tests.delivery.house import open_peer

MESSAGE = b"Subject: lunch\r\n\r\nAt noon?\r\n"
FIRST, SECOND, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"


async def serve(host: SimulatedHost, address: str, way: str, *, verbose_peers: str = "[]") -> MailServer:
    """A heloise that takes mail from the whole network, and sends that for full.test the given way."""
    text = f"""
        hostname = "{host.name}"
        state = "/var/lib/heloise"
        [[listener]]
        address = "{address}:25"
        [extensions]
        EXPN = "any"
        VERB = "any"
        [relay]
        networks = ["192.0.2.0/24"]
        [delivery]
        verbose_peers = {verbose_peers}
        {way}
    """
    configuration = parse_configuration(text, directory="/")
    store = StoreOptions(vfs=host.sqlite_vfs(), exclusive=True)
    server = MailServer(configuration, host.world, Journal(lambda *event, **fields: None), store=store)
    await server.start()
    return server


def route(address: str) -> str:
    return f'[[route]]\ndomains = ["full.test"]\nto = "smtp:{address}:25"\n'


async def send(client: SimulatedHost) -> list[str]:
    """Send a message by the first server, and hear what is told meanwhile."""
    told: list[str] = []

    def hear(reply: Reply) -> None:
        told.append(f"{reply.code:03d} {reply.text}")

    options = ClientOptions(hello_name="client.test", verbose=True)
    conversation = await dial(client.world, Endpoint(FIRST, 25), options, discover(), progress=hear)
    assert isinstance(conversation, Conversation)
    envelope = Envelope.parse(b"<a@client.test>\r\n<x@full.test>")
    (answer,) = await conversation.deliver(envelope, MemoryContent(MESSAGE), content_facts(MESSAGE))
    assert answer.is_taken
    await conversation.quit()
    return told


async def scene(world: SimulatedWorld, way: str, *, verbose_peers: str = "[]") -> tuple[list[str], list[str]]:
    """What the client hears, and which commands the last server gets: client → near → far → last."""
    near = await serve(world.host("near.test", FIRST), FIRST, way, verbose_peers=verbose_peers)
    far = await serve(world.host("far.test", SECOND), SECOND, route(THIRD))
    last = await open_peer(world, "last.test", THIRD, extensions=["EXPN", "VERB"])
    told = await send(world.host("client.test", "192.0.2.7"))
    assert last.messages, "the message has come through both while the client waited"
    for server in (near, far):
        await server.stop()
    return told, last.commands


def test_verb_through_two_servers_shows_both_conversations_and_that_behind_them() -> None:
    told, commands = run_simulated(lambda world: scene(world, route(SECOND)), seed=5)
    ours = [line for line in told if not line.startswith("050 [192.0.2.2]: ")]
    theirs = [line.removeprefix("050 [192.0.2.2]: ") for line in told if line not in ours]
    assert ours[0] == "050 <x@full.test>... Connecting to [192.0.2.2] via esmtp..."
    assert ours[1].startswith("050 220 far.test")
    assert "050 >>> EHLO near.test" in ours
    assert "050 >>> VERB" in ours
    assert ours[-1].startswith("050 <x@full.test>... Sent (")
    assert theirs[0] == "<x@full.test>... Connecting to [192.0.2.3] via esmtp..."
    assert ">>> EHLO far.test" in theirs
    assert theirs[-1] == "<x@full.test>... Sent (queued as SINK)"
    dot, sent = told.index("050 >>> ."), len(told) - 1
    marked = [index for index, line in enumerate(told) if line not in ours]
    assert dot < marked[0] <= marked[-1] < sent, "what the next hop tells stands where it was told"
    assert "VERB" in commands, "and so on, from server to server"


def mx(world: SimulatedWorld) -> None:
    world.zones.add_mail_exchanger("full.test", 10, "far.test")


def test_a_mail_exchanger_of_others_is_never_asked() -> None:
    async def scenario(world: SimulatedWorld) -> tuple[list[str], list[str]]:
        mx(world)
        return await scene(world, "")

    told, _ = run_simulated(scenario, seed=5)
    assert "050 >>> EHLO near.test" in told
    assert "050 >>> VERB" not in told
    assert not any(line.startswith("050 far.test.: ") for line in told)


def test_a_mail_exchanger_that_is_named_as_ours_is_asked() -> None:
    async def scenario(world: SimulatedWorld) -> tuple[list[str], list[str]]:
        mx(world)
        return await scene(world, "", verbose_peers='[".test"]')

    told, _ = run_simulated(scenario, seed=5)
    assert any(line.startswith("050 far.test.: >>> MAIL FROM:") for line in told)


def test_a_client_that_does_not_ask_is_told_nothing_and_neither_are_the_servers_behind() -> None:
    async def scenario(world: SimulatedWorld) -> list[str]:
        near = await serve(world.host("near.test", FIRST), FIRST, route(THIRD))
        last = await open_peer(world, "last.test", THIRD, extensions=["EXPN", "VERB"])
        client = world.host("client.test", "192.0.2.7")
        options = ClientOptions(hello_name="client.test")
        conversation = await dial(client.world, Endpoint(FIRST, 25), options, discover())
        assert isinstance(conversation, Conversation)
        envelope = Envelope.parse(b"<a@client.test>\r\n<x@full.test>")
        await conversation.deliver(envelope, MemoryContent(MESSAGE), content_facts(MESSAGE))
        await conversation.quit()
        await near.stop()
        return last.commands

    assert "VERB" not in run_simulated(scenario, seed=5)
