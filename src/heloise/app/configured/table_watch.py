"""The tables of a running server follow its files: looked at once a second, away from the event loop."""

from collections.abc import Callable

from heloise.app.configured.address_files import AddressFiles
from heloise.app.configured.tables import routing_tables
from heloise.app.configured.watching import Watch
from heloise.app.journal import Journal
from heloise.config.errors import ConfigError, Problem
from heloise.config.schema import Configuration
from heloise.routing.tables import RoutingTables
from heloise.world import Blocking, World


def read_tables(configuration: Configuration, files: AddressFiles) -> RoutingTables:
    """The tables at the start. Blocks. Raises ConfigError: a file can not be used, and there is no older content."""
    _, problems = files.refresh()
    if not problems:
        # What is named in a map is known only now.
        _, problems = files.refresh()
    contents = files.contents
    if problems or contents is None:
        raise ConfigError(problems)
    return routing_tables(configuration, contents)


class TableWatch:
    """Gives new tables to `use` whenever a file has changed; what is broken goes to the journal, once."""

    def __init__(
        self,
        configuration: Configuration,
        files: AddressFiles,
        world: World,
        journal: Journal,
        use: Callable[[RoutingTables], None],
    ) -> None:
        self._configuration = configuration
        self._files = files
        self._journal = journal
        self._use = use
        self._watch = Watch("tables", world, self._refresh)

    def start(self) -> None:
        """Begin to look, if there is anything to look at."""
        if self._files.are_any:
            self._watch.start()

    async def stop(self) -> None:
        """Look no more. Idempotent."""
        await self._watch.stop()

    async def _refresh(self, lane: Blocking) -> None:
        try:
            tables, problems = await lane.run(self._look)
        except Exception as error:  # whatever it is, the tables that hold are good ones
            self._journal.tables_broken(f"{type(error).__name__}: {error}")
            return
        for problem in problems:
            self._journal.tables_broken(str(problem))
        if tables is not None:
            self._use(tables)
            self._journal.tables_read(tables)

    def _look(self) -> tuple[RoutingTables | None, tuple[Problem, ...]]:
        changed, problems = self._files.refresh()
        if not changed:
            return None, problems
        _, more = self._files.refresh()  # lists that are named in a map only since it changed
        contents = self._files.contents
        tables = None if contents is None else routing_tables(self._configuration, contents)
        return tables, problems + more
