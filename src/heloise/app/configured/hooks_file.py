"""The file of hooks of a running server: loaded at the start, and anew when it changes."""

from heloise.app.configured.watching import Watch, read_text, unreadable
from heloise.app.journal import Journal
from heloise.config.errors import ConfigError, Problem
from heloise.config.schema import Configuration
from heloise.policy.hooks import HookError, Hooks, HookSet, load_hooks
from heloise.world import Blocking, Files, World


class HooksFile:
    """`hooks` is the filter, None when no file is configured.

    Raises:
        ConfigError: the file can not be used.
    """

    def __init__(self, configuration: Configuration, world: World, journal: Journal) -> None:
        policy = configuration.policy
        self._path = policy.hooks
        self._world = world
        self._journal = journal
        self._stamp: tuple[int, ...] | None = None
        self._watch = Watch("hooks", world, self._refresh)
        self.hooks: Hooks | None = None
        if self._path is not None:
            self._stamp = self._look()
            self.hooks = Hooks(
                read_hooks(configuration, world.files),
                world.blocking.lane,
                deadline=policy.hook_deadline,
                on_trouble=policy.on_hook_trouble,
            )

    def start(self) -> None:
        """Begin to look whether the file changes."""
        if self.hooks is not None:
            self._watch.start()

    async def stop(self) -> None:
        """Look no more: what was loaded last holds for whoever is still here. Idempotent."""
        await self._watch.stop()

    async def close(self) -> None:
        """Wait for hooks that block. Idempotent."""
        if self.hooks is not None:
            await self.hooks.shut_down()

    async def _refresh(self, lane: Blocking) -> None:
        assert self._path is not None
        assert self.hooks is not None
        stamp = await lane.run(self._look)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.hooks.use(await lane.run(_load, self._world.files, self._path))
        except HookError as error:
            self._journal.hooks_broken(str(error))
        else:
            self._journal.hooks_read(self._path, [stage.value for stage in self.hooks.current.functions])

    def _look(self) -> tuple[int, ...] | None:
        assert self._path is not None
        try:
            return self._world.files.stamp(self._path)
        except OSError:
            return None  # what is wrong with it tells whoever reads it


def read_hooks(configuration: Configuration, files: Files) -> HookSet:
    """Those of the configured file, which is run for it. Raises ConfigError."""
    path = configuration.policy.hooks
    assert path is not None
    try:
        return _load(files, path)
    except HookError as error:
        place = configuration.places.nearest("policy", "hooks")
        raise ConfigError([Problem(rule=place, section="policy", text=str(error))]) from error


def _load(files: Files, path: str) -> HookSet:
    try:
        source = read_text(files, path)
    except (OSError, UnicodeDecodeError) as error:
        raise HookError(unreadable(path, error)) from error
    return load_hooks(source, path)
