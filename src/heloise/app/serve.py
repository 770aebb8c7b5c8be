"""`heloise serve`: the real world around a mail server, until a signal says stop."""

import gc
import resource
from collections.abc import Callable, Sequence

from heloise.app.crew import Crew
from heloise.app.journal import Journal
from heloise.app.mail_server import MailServer
from heloise.app.part import ALONE, Part
from heloise.app.stopping import end_with_the_crew, stop_signals
from heloise.config.schema import Configuration
from heloise.net import SocketNetwork, real_world
from heloise.world import AnyEndpoint, Endpoint

_COLLECT_AFTER = 20_000  # objects; next to nothing here is in cycles


async def serve_crew(
    configuration: Configuration, path: str, journal: Journal, *, ready: Callable[[Sequence[AnyEndpoint]], None]
) -> None:
    """Have several processes serve until SIGTERM or SIGINT. Otherwise as `serve`.

    Raises:
        CrewError: a process could not be started, and has said why.
        LinkError: an address can not be listened on.
    """
    crew = Crew(configuration, path, SocketNetwork(), journal)
    with stop_signals() as stop:
        await crew.start()
        ready(crew.endpoints)
        await stop.wait()
    journal.server("stopping")
    await crew.stop()
    journal.server("stopped")


async def serve(
    configuration: Configuration,
    journal: Journal,
    *,
    ready: Callable[[Sequence[AnyEndpoint]], None],
    part: Part = ALONE,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called with the addresses when connections are taken.

    Raises:
        StoreFault: the queue can not be opened.
        LinkError: an address can not be listened on.
    """
    raise_file_limit()
    nameservers = [each for each in configuration.dns.nameservers if isinstance(each, Endpoint)]
    world = real_world(nameservers=nameservers, share_ports=not part.is_alone)
    server = MailServer(configuration, world, journal, part=part)
    try:
        with stop_signals() as stop:
            await server.start()
            _settle_collector()
            ready(server.endpoints)
            if not part.is_alone:
                end_with_the_crew()
            await stop.wait()
        if part.is_alone:
            journal.server("stopping", sessions=server.sessions)
        await server.stop()
        if part.is_alone:
            journal.server("stopped")
    finally:
        await world.blocking.close()


def _settle_collector() -> None:
    """What a server made to start lives as long as it does: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def raise_file_limit() -> None:
    """Use as many descriptors as this process may have: a session is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
