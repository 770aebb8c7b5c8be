"""`heloise serve`: the real world around a mail server, until a signal says stop."""

import resource
from collections.abc import Callable, Sequence

from heloise.app.journal import Journal
from heloise.app.mail_server import MailServer
from heloise.app.stopping import signalled
from heloise.config.schema import Configuration
from heloise.net import real_world
from heloise.world import AnyEndpoint, Endpoint


async def serve(
    configuration: Configuration, journal: Journal, *, ready: Callable[[Sequence[AnyEndpoint]], None]
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called with the addresses when connections are taken.

    Raises:
        StoreFault: the queue can not be opened.
        LinkError: an address can not be listened on.
    """
    raise_file_limit()
    nameservers = [each for each in configuration.dns.nameservers if isinstance(each, Endpoint)]
    world = real_world(nameservers=nameservers)
    server = MailServer(configuration, world, journal)
    try:
        await server.start()
        ready(server.endpoints)
        await signalled()
        journal.server("stopping", sessions=server.sessions)
        await server.stop()
        journal.server("stopped")
    finally:
        await world.blocking.close()


def raise_file_limit() -> None:
    """Use as many descriptors as this process may have: a session is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
