"""The certificates of a running server follow their files: looked at once a second, away from the event loop.

A new certificate is often written in two steps, the chain and then the key; in between they do not fit. So what can not
be used now is told, and what was read before still holds.
"""

from dataclasses import replace

from heloise.app.configured.watching import Watch
from heloise.app.journal import Journal
from heloise.config.encrypting import server_tls
from heloise.config.schema import Configuration
from heloise.world import Blocking, ServerTls, TlsFileError, World


class CertificateWatch:
    """Knows how to shake hands at the moment: `tls`. What was read for a lower `version` is not believed to be new.

    Raises:
        TlsFileError: a file can not be used, and there is no older content.
    """

    def __init__(self, configuration: Configuration, world: World, journal: Journal, version: int = 0) -> None:
        self._world = world
        self._journal = journal
        self._tls = server_tls(configuration.tls, version)
        self._files = [name for each in configuration.tls.certificates for name in (each.chain, each.key)]
        self._client_ca = configuration.tls.client_ca if self._tls is not None else None
        if self._client_ca is not None:
            self._files.append(self._client_ca)
        self._newest = self._tls  # tried last, though it may not have been of use
        self._watch = Watch("certificates", world, self._refresh)
        self._stamps = self._look()
        if self._tls is not None:
            self._load(self._tls)

    def _load(self, tls: ServerTls) -> None:
        """Both with and without asking clients for a certificate. Blocks. Raises TlsFileError."""
        self._world.network.load_tls(tls)
        if self._client_ca is not None:
            self._world.network.load_tls(replace(tls, client_ca=self._client_ca))

    def tls(self, client_ca: str | None = None) -> ServerTls | None:
        """What the next handshake is made with; None without a certificate. With `client_ca` clients are asked for
        theirs."""
        if client_ca is None or self._tls is None:
            return self._tls
        return replace(self._tls, client_ca=client_ca)

    @property
    def next_version(self) -> int:
        """For another watch that takes the place of this one."""
        return 1 if self._newest is None else self._newest.version + 1

    def start(self) -> None:
        """Begin to look, if there is anything to look at."""
        if self._tls is not None:
            self._watch.start()

    async def stop(self) -> None:
        """Look no more. Idempotent."""
        await self._watch.stop()

    async def _refresh(self, lane: Blocking) -> None:
        stamps = await lane.run(self._look)
        if stamps == self._stamps:
            return
        self._stamps = stamps
        assert self._newest is not None  # else nobody looks
        self._newest = tls = replace(self._newest, version=self._newest.version + 1)
        try:
            await lane.run(self._load, tls)
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
