"""The certificates of a running server follow their files: looked at once a second, away from the event loop.

A new certificate is often written in two steps, the chain and then the key; in between they do not fit. So what can not
be used now is told, and what was read before still holds.
"""

import asyncio
from dataclasses import replace

from heloise.app.journal import Journal
from heloise.config.encrypting import server_tls
from heloise.config.schema import Configuration
from heloise.world import Blocking, ServerTls, TlsFileError, World

LOOK_EVERY = 1.0  # seconds


class CertificateWatch:
    """Knows how to shake hands at the moment: `tls`.

    Raises:
        TlsFileError: a file can not be used, and there is no older content.
    """

    def __init__(self, configuration: Configuration, world: World, journal: Journal) -> None:
        self._world = world
        self._journal = journal
        self._tls = server_tls(configuration.tls)
        self._files = [name for each in configuration.tls.certificates for name in (each.chain, each.key)]
        self._lane: Blocking | None = None
        self._task: asyncio.Task[None] | None = None
        self._stamps = self._look()
        if self._tls is not None:
            world.network.load_tls(self._tls)

    def tls(self) -> ServerTls | None:
        """What the next handshake is made with; None without a certificate."""
        return self._tls

    def start(self) -> None:
        """Begin to look, if there is anything to look at."""
        if self._tls is not None:
            self._lane = self._world.blocking.lane("certificates")
            self._task = asyncio.create_task(self._watch(self._lane, self._tls), name="certificate watch")

    async def stop(self) -> None:
        """Look no more. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._lane is not None:
            await self._lane.close()

    async def _watch(self, lane: Blocking, tls: ServerTls) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            stamps = await lane.run(self._look)
            if stamps == self._stamps:
                continue
            self._stamps = stamps
            tls = replace(tls, version=tls.version + 1)
            try:
                await lane.run(self._world.network.load_tls, tls)
            except TlsFileError as error:
                self._journal.certificates_broken(str(error))
            else:
                self._tls = tls
                self._journal.certificates_read(self._files)

    def _look(self) -> list[tuple[int, ...] | None]:
        return [self._stamp(name) for name in self._files]

    def _stamp(self, name: str) -> tuple[int, ...] | None:
        try:
            return self._world.files.stamp(name)
        except OSError:
            return None  # what is wrong with it tells whoever wants to use it
