"""Reload: another configuration for a running server, as a whole or not at all.

The file is read and checked; what it names is read and checked; new addresses are listened on; only then is anything
changed. Whatever is wrong is said with its line, and the server goes on as it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from heloise.app.journal import Journal
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.queue_json import Json
from heloise.app.server.entrances import ListenFailed
from heloise.app.server.server_log import ServerLog
from heloise.app.server.starting import refuse_root
from heloise.config.differences import Difference, differences, taken_over
from heloise.config.errors import ConfigError
from heloise.config.names import problem
from heloise.config.schema import Configuration
from heloise.config.source import Source
from heloise.net.service_manager import ServiceManager
from heloise.world import LinkError, TlsFileError


class Change(Protocol):
    """A change of everything that a configuration decides, prepared: see `heloise.app.server.mail_server.Change`."""

    async def commit(self) -> None: ...

    async def abandon(self) -> None: ...


Prepare = Callable[[Source, Configuration], Awaitable[Change]]


class Reloader:
    """Reloads one server, or one crew.

    Args:
        source: what the server was started with.
        configuration: what it works by.
        prepare: checks and prepares everything; raises ConfigError, TlsFileError, LinkError or ControlError.
        log: is written as the new configuration says.
        manager: is told when it is reloading, and when it is ready again.
    """

    def __init__(
        self,
        source: Source,
        configuration: Configuration,
        prepare: Prepare,
        journal: Journal,
        log: ServerLog,
        manager: ServiceManager,
    ) -> None:
        self._manager = manager
        self.source = source
        self.configuration = configuration
        self._prepare = prepare
        self._journal = journal
        self._log = log
        self._one_at_a_time = asyncio.Lock()

    async def reload(self, request: Json) -> Json:
        """{"source": …}, or without it what is in the file now. Raises ControlError: nothing has changed, and why."""
        async with self._one_at_a_time:
            self._manager.reloading()
            try:
                source = await self._wanted(request)
                new, found = self._planned(source)
                change = await self._prepared(source, new)
            except ControlError as error:
                self._journal.reload_refused(str(error))
                self._manager.ready("The last reload was refused; the log says why")
                raise
            await change.commit()
            self._manager.ready("Reloaded")
            self.source, self.configuration = source, new
            self._journal.reloaded([str(each) for each in found if not each.kept], _kept(found))
            return {"changed": [str(each) for each in found if not each.kept], "kept": _kept(found)}

    async def compare(self, request: Json) -> Json:
        """What a reload would change; nothing is done. Raises ControlError: it would be refused."""
        _, found = self._planned(await self._wanted(request))
        return {"changed": [str(each) for each in found if not each.kept], "kept": _kept(found)}

    async def on_signal(self) -> None:
        """As `reload`, with nobody to tell but the log."""
        with suppress(ControlError):  # it is in the log
            await self.reload({})

    async def _wanted(self, request: Json) -> Source:
        if request.get("source") is not None:
            return Source.from_json(request["source"])
        path = self.source.file
        try:
            return await asyncio.to_thread(Source.read, path)
        except ConfigError as error:
            raise ControlError(str(error)) from error
        except OSError as error:
            raise ControlError(f"{path} can not be read: {error.strerror}") from error

    def _planned(self, source: Source) -> tuple[Configuration, tuple[Difference, ...]]:
        try:
            written = source.parse()
            new = taken_over(self.configuration, written)
            refuse_root(new)
            return new, differences(self.configuration, written)
        except ConfigError as error:
            raise ControlError(str(error)) from error

    async def _prepared(self, source: Source, new: Configuration) -> Change:
        try:
            use_log = self._log.opened(new.log)
        except OSError as error:
            raise ControlError(str(problem(new, ("log", "file"), f"file: {error.strerror}"))) from error
        return _WithLog(await prepared(self._prepare, source, new), use_log)


async def prepared(prepare: Prepare, source: Source, new: Configuration) -> Change:
    """What `prepare` makes of it. Raises ControlError with the line that is wrong."""
    try:
        return await prepare(source, new)
    except ConfigError as error:
        raise ControlError(str(error)) from error
    except ListenFailed as error:
        text = error.detail or str(error)
        raise ControlError(str(problem(new, ("listener", error.index, "address"), text))) from error
    except TlsFileError as error:
        raise ControlError(str(problem(new, ("tls", "certificate"), str(error)))) from error
    except LinkError as error:
        raise ControlError(error.detail or str(error)) from error


class PartReloader:
    """Does in one of several processes what the one above them says: prepare, and then commit or abandon."""

    def __init__(
        self, prepare: Prepare, configured: Callable[[Json, Configuration], Configuration], log: ServerLog
    ) -> None:
        self._prepare = prepare
        self._configured = configured
        self._log = log
        self._change: Change | None = None

    async def prepare(self, request: Json) -> Json:
        """Raises ControlError."""
        if self._change is not None:  # of one above us that is no more
            await self.abandon({})
        source = Source.from_json(request["source"])
        new = self._configured(request["part"], source.parse())
        use_log = self._log.opened(new.log)
        self._change = _WithLog(await prepared(self._prepare, source, new), use_log)
        return {"prepared": 1}

    async def commit(self, request: Json) -> Json:
        """What was prepared."""
        change, self._change = self._change, None
        if change is not None:
            await change.commit()
        return {"changed": int(change is not None)}

    async def abandon(self, request: Json) -> Json:
        """What was prepared."""
        change, self._change = self._change, None
        if change is not None:
            await change.abandon()
        return {"abandoned": int(change is not None)}


@dataclass(frozen=True, slots=True)
class _WithLog:
    """A change, and then that of the log."""

    change: Change
    use_log: Callable[[], None]

    async def commit(self) -> None:
        await self.change.commit()
        self.use_log()

    async def abandon(self) -> None:
        await self.change.abandon()


def _kept(found: Sequence[Difference]) -> list[str]:
    return [str(each) for each in found if each.kept]
