"""What a server needs before there is an event loop: what the service manager gives, and what only root can take.

In this order: sockets that are handed over, ports that are bound, the state directory that is given away, and then root
is given up for good. Nothing has been read from the network by then.
"""

import os
import socket
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from heloise.app.server.placing import Place, Placing, match_handed, place_alone, place_listeners
from heloise.app.server.server_log import ServerLog
from heloise.config.advice import is_loopback
from heloise.config.errors import ConfigError, Problem
from heloise.config.names import problem
from heloise.config.schema import Configuration
from heloise.config.source import Source
from heloise.net.binding import bind
from heloise.net.clock import SystemClock
from heloise.net.privileges import PrivilegeError, RunAs, become, give_directory, is_root, look_up
from heloise.net.service_manager import ServiceManager, handed_sockets
from heloise.world import AnyEndpoint, Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What there is to start with. `sockets` are for one process, `places` for several."""

    log: ServerLog
    configuration: Configuration
    manager: ServiceManager = field(default_factory=lambda: ServiceManager({}))
    sockets: Sequence[tuple[AnyEndpoint, socket.socket]] = ()
    places: tuple[Place, ...] = ()
    runs_as_root: bool = False


def stand(source: Source, configuration: Configuration, environment: MutableMapping[str, str]) -> Standing:
    """Take what is there, and become who the configuration says.

    Raises:
        ConfigError: it can not be so, or a file that it names can not be read by who serves.
        ListenFailed: an address can not be had.
        OSError: the log or the state directory can not.
    """
    manager = ServiceManager(environment)
    try:
        handed = match_handed(configuration, handed_sockets(environment))
    except ValueError as error:
        raise ConfigError([problem(configuration, ("listener",), str(error))]) from error
    run_as = _run_as(configuration)
    count, binds = configuration.process_count, run_as is not None
    sockets: Sequence[tuple[AnyEndpoint, socket.socket]] = ()
    places: tuple[Place, ...] = ()
    if count > 1:
        placing = Placing(handed=handed, binds=binds, count=count)
        places = place_listeners(configuration, configuration, (), placing)
    else:
        sockets = place_alone(configuration, handed, binds=binds)
    if binds and isinstance(configuration.admin.address, Endpoint):
        sockets = [*sockets, (configuration.admin.address, _bound(configuration))]
    log = ServerLog(configuration.log, SystemClock())
    if run_as is not None:
        configuration = _give_up_root(source, configuration, run_as)
    return Standing(
        log=log,
        configuration=configuration,
        manager=manager,
        sockets=sockets,
        places=places,
        runs_as_root=is_root(),
    )


def _bound(configuration: Configuration) -> socket.socket:
    """The socket of [admin]. Raises ConfigError."""
    address = configuration.admin.address
    assert isinstance(address, Endpoint)
    try:
        return bind(address)
    except OSError as error:
        text = f"can not listen on {address}: {error.strerror}"
        raise ConfigError([problem(configuration, ("admin", "address"), text)]) from error


def _run_as(configuration: Configuration) -> RunAs | None:
    """Whom to become; None to stay. Raises ConfigError."""
    user, _, group = (configuration.run_as or "").partition(":")
    try:
        found = look_up(user, group or None) if user else None
    except PrivilegeError as error:
        raise ConfigError([problem(configuration, ("run_as",), str(error))]) from error
    if not is_root():
        if found is not None and found.uid != os.geteuid():
            text = f'only root can become "{user}", and this is the user with the number {os.geteuid()}'
            raise ConfigError([problem(configuration, ("run_as",), text, "leave run_as out, or start it as root")])
        return None
    refuse_root(configuration)
    return found if found is not None and found.uid != 0 else None


def refuse_root(configuration: Configuration) -> None:
    """Nobody serves others as root without having said so. Raises ConfigError."""
    for index, listener in enumerate(configuration.listeners):
        if configuration.run_as is None and is_root() and not is_loopback(listener):
            text = f"this would serve as root at {listener.address}"
            hint = 'write run_as = "…" in the first lines of the file, or run_as = "root" if that is meant'
            raise ConfigError([problem(configuration, ("listener", index, "address"), text, hint)])


def _give_up_root(source: Source, configuration: Configuration, run_as: RunAs) -> Configuration:
    """The configuration as it is for who serves: what it names is read with his rights. Raises ConfigError, OSError."""
    try:
        give_directory(configuration.state, run_as)
        if configuration.log.file is not None:
            os.chown(configuration.log.file, run_as.uid, run_as.gid)
        become(run_as)
    except PrivilegeError as error:
        raise ConfigError([problem(configuration, ("run_as",), str(error))]) from error
    try:
        return source.parse()
    except ConfigError as error:
        told = f"it is read as the user {run_as.name}, now and when it changes; he has to be allowed to"
        raise ConfigError([_with_hint(each, told) for each in error.problems]) from error


def _with_hint(found: Problem, hint: str) -> Problem:
    return replace(found, hint=found.hint or hint)
