"""What follows from one configuration and ends with it: names, certificates, users, who may what.

A reload makes another one beside it, whole, before anything is changed; sessions end under the one they began with.
What outlives a configuration (the queue, deliverers, listening sockets, counts) is in `mail_server.py`.
"""

from heloise.app.configured.address_files import AddressFiles
from heloise.app.configured.addressing import local_mailboxes, lookup_sources
from heloise.app.configured.authentication import UserSources
from heloise.app.configured.certificate_watch import CertificateWatch
from heloise.app.configured.hooks_file import HooksFile
from heloise.app.configured.onward import rewriting
from heloise.app.configured.table_watch import TableWatch, read_tables
from heloise.app.configured.tables import etrn_policy, sites_on_demand
from heloise.app.desk import RequestPolicies
from heloise.app.journal import Journal
from heloise.config.errors import ConfigError
from heloise.config.names import problem
from heloise.config.schema import Configuration
from heloise.policy.filter import Filter
from heloise.reception.guessing import Guesses
from heloise.reception.on_request import Pace
from heloise.routing.directory import Directory
from heloise.routing.rewriting import RewritingRouter
from heloise.routing.router import Router
from heloise.routing.tables import RoutingTables
from heloise.world import World


class Regime:
    """Made without side effects but those of the file of hooks, and blocking: files are read. What was counted against
    who guesses passwords is taken over from the one that was `before`.

    Raises:
        ConfigError: a file of names, users or hooks can not be used.
        TlsFileError: a certificate can not be used.
    """

    def __init__(
        self, configuration: Configuration, world: World, journal: Journal, before: "Regime | None" = None
    ) -> None:
        self.configuration = configuration
        self._guesses: Guesses = Guesses() if before is None else before._guesses
        files = AddressFiles(configuration, world.files, world.clock)
        self.tables = read_tables(configuration, files)
        self.mailboxes = local_mailboxes(configuration, world)
        self._lookups = lookup_sources(configuration, world)
        self._local_router = Router(self.tables, self.mailboxes, self._lookups)
        try:
            self.rewriting = rewriting(configuration, self._local_router, world.clock)
        except (OSError, ValueError) as error:
            raise ConfigError([problem(configuration, ("srs", "secrets"), f"secrets: {error}")]) from error
        self.router = (
            self._local_router if self.rewriting is None else RewritingRouter(self._local_router, self.rewriting)
        )
        self.directory = Directory(self.tables, self._lookups)
        self._user_sources = UserSources(configuration, world, journal, self._guesses)
        self.authority = self._user_sources.authority
        version: int = 0 if before is None else before.certificates.next_version
        self.certificates: CertificateWatch = CertificateWatch(configuration, world, journal, version)
        self._hooks = HooksFile(configuration, world, journal)
        self.filters: tuple[Filter, ...] = () if self._hooks.hooks is None else (self._hooks.hooks,)
        self._table_watch = TableWatch(configuration, files, world, journal, self._use_tables)
        self.policies = RequestPolicies(
            etrn=etrn_policy(configuration),
            pace=Pace(configuration.etrn.interval),
            etrn_interval_rule=configuration.rule("etrn", "interval"),
            sites=sites_on_demand(configuration),
        )

    def start(self) -> None:
        """Follow the files from now on."""
        self._table_watch.start()
        self.certificates.start()
        self._hooks.start()

    async def stop(self) -> None:
        """Follow them no more: what was read last holds for whoever is still here. Idempotent."""
        await self._table_watch.stop()
        await self.certificates.stop()
        await self._hooks.stop()

    async def close(self) -> None:
        """Nobody is here any more. Idempotent."""
        await self.stop()
        await self._hooks.close()
        await self._lookups.close()
        await self._user_sources.close()

    def _use_tables(self, tables: RoutingTables) -> None:
        """A file of names has changed: what is asked from now on is answered from these."""
        self.tables = tables
        self._local_router.use(tables)
        self.directory.use(tables)
