"""`heloise serve`: the real world around a mail server, until a signal says stop."""

import gc
import os
import resource
import signal
from collections.abc import Callable, Sequence

from heloise.app.journal import Journal
from heloise.app.operator.admin import serve_admin
from heloise.app.operator.operations import Operation
from heloise.app.operator.queue_json import Json
from heloise.app.server.crew import Crew, with_ports
from heloise.app.server.health import CrewHealth
from heloise.app.server.mail_server import MailServer
from heloise.app.server.part import ALONE, Part
from heloise.app.server.reloading import Change, PartReloader, Prepare, Reloader
from heloise.app.server.server_log import ServerLog
from heloise.app.server.starting import Standing
from heloise.app.server.stopping import end_with_the_crew, signals, stop_signals
from heloise.app.server.watchdog import loop_is_alive, watched
from heloise.config.schema import Configuration
from heloise.config.source import Source
from heloise.delivery.background import Background
from heloise.net import SocketNetwork, SystemClock, SystemEntropy, real_world
from heloise.world import AnyEndpoint, Endpoint

Ready = Callable[[Sequence[AnyEndpoint]], None]
_COLLECT_AFTER = 20_000  # objects; next to nothing here is in cycles


async def serve_crew(source: Source, standing: Standing, *, ready: Ready) -> None:
    """Have several processes serve until SIGTERM or SIGINT. Otherwise as `serve`.

    Raises:
        CrewError: a process could not be started, and has said why.
        LinkError: an address can not be listened on.
    """
    log, manager, configuration = standing.log, standing.manager, standing.configuration
    journal, background = Journal(log.emit), Background()
    network = SocketNetwork(handed=standing.sockets)
    crew = Crew(source, configuration, network, journal, standing.places)
    reloader = Reloader(source, configuration, crew.prepare, journal, log, manager)
    whole = CrewHealth(network, crew.sockets)
    crew.operations |= {"reload": reloader.reload, "compare": reloader.compare}
    crew.operations |= {"health": whole.health, "metrics": whole.metrics}

    def reopen() -> None:
        _reopen(log, journal)
        background(crew.reopen_logs())

    acts: dict[int, Callable[[], object]] = {
        signal.SIGHUP: lambda: background(reloader.on_signal()),
        signal.SIGUSR1: reopen,
    }
    with stop_signals(at_once(journal, log)) as stop, signals(acts):
        _tell_of_root(standing, journal)
        await crew.start()
        admin = await serve_admin(
            network, configuration.admin, crew.desk, journal, clock=SystemClock(), entropy=SystemEntropy()
        )
        ready(crew.endpoints)
        async with watched(manager, crew.is_alive):
            manager.ready(_status(crew.endpoints))
            await stop.wait()
            manager.stopping()
            whole.is_stopping = True
            journal.server("stopping")
            await background.close()
            await crew.stop()
        if admin is not None:
            await admin.close()
    journal.server("stopped")


async def serve(
    source: Source,
    standing: Standing,
    *,
    ready: Ready,
    part: Part = ALONE,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called with the addresses when connections are taken.

    Raises:
        StoreFault: the queue can not be opened.
        LinkError: an address can not be listened on.
    """
    raise_file_limit()
    log, manager, configuration = standing.log, standing.manager, standing.configuration
    journal, background = Journal(log.emit), Background()
    nameservers = [each for each in configuration.dns.nameservers if isinstance(each, Endpoint)]
    world = real_world(nameservers=nameservers, share_ports=not part.is_alone, handed=standing.sockets)
    server = MailServer(configuration, world, journal, part=part)

    async def prepare(source: Source, new: Configuration) -> Change:
        return await server.prepare(new)

    reloader = Reloader(source, configuration, prepare, journal, log, manager)
    acts: dict[int, Callable[[], object]] = {signal.SIGUSR1: lambda: _reopen(log, journal)}
    if part.is_alone:
        server.operations |= {"reload": reloader.reload, "compare": reloader.compare}
        acts[signal.SIGHUP] = lambda: background(reloader.on_signal())
    else:
        server.operations |= part_operations(prepare, log, journal)
        acts[signal.SIGHUP] = lambda: None  # the process above asks
    try:
        with stop_signals(at_once(journal, log)) as stop, signals(acts):
            if part.is_alone:
                _tell_of_root(standing, journal)
            await server.start()
            # To the end: that the server is being stopped has to be asked of somebody.
            admin = None
            if part.is_alone:
                admin = await serve_admin(
                    world.network,
                    configuration.admin,
                    server.desk,
                    journal,
                    clock=world.clock,
                    entropy=world.entropy,
                )
            _settle_collector()
            ready(server.endpoints)
            if not part.is_alone:
                end_with_the_crew()
            async with watched(manager, loop_is_alive):
                manager.ready(_status(server.endpoints))
                await stop.wait()
                manager.stopping()
                if part.is_alone:
                    journal.server("stopping", sessions=server.sessions)
                await background.close()
                await server.stop()
            if admin is not None:
                await admin.close()
        if part.is_alone:
            journal.server("stopped")
    finally:
        await world.blocking.close()


def _status(endpoints: Sequence[AnyEndpoint]) -> str:
    return f"Listening on {', '.join(map(str, endpoints))}"


def _tell_of_root(standing: Standing, journal: Journal) -> None:
    if standing.runs_as_root:
        journal.as_root()


def _reopen(log: ServerLog, journal: Journal) -> None:
    try:
        log.reopen()
    except OSError as error:
        journal.log_not_reopened(f"{error.filename}: {error.strerror}")


def at_once(journal: Journal, log: ServerLog) -> Callable[[], None]:
    """What a second signal does while the server is stopping: as a crash, which loses nothing that was promised."""

    def end() -> None:
        journal.server("stopping-at-once")
        log.flush()
        os._exit(1)

    return end


def part_operations(prepare: Prepare, log: ServerLog, journal: Journal) -> dict[str, Operation]:
    """What the process above asks of one of several."""
    reloader = PartReloader(prepare, with_ports, log)

    async def reopen(request: Json) -> Json:
        _reopen(log, journal)
        return {}

    return {
        "prepare": reloader.prepare,
        "commit": reloader.commit,
        "abandon": reloader.abandon,
        "reopen-log": reopen,
    }


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
