"""The faults of a server that may fail on purpose (`[staging]`): its book of rules, and what the API does with it."""

from collections.abc import Mapping

from heloise.app.dev.in_json import fault_json
from heloise.app.journal import Journal
from heloise.app.operator.control_desk import ControlError
from heloise.app.operator.operations import Operation
from heloise.app.operator.queue_json import Json
from heloise.config.failing import fault_rules
from heloise.config.faulty import read_fault
from heloise.config.schema import Configuration
from heloise.faults.book import FaultBook
from heloise.faults.receiver import Failing
from heloise.faults.rule import FaultRule
from heloise.reception.door import Attend
from heloise.world import World

MOST = 1000  # rules by the API


class Faults:
    """Rules of the file, and those that were added since. None of them strikes where it is not allowed."""

    def __init__(self, configuration: Configuration, world: World, journal: Journal) -> None:
        seed, started = configuration.staging.seed, world.clock.monotonic()
        self._written: tuple[FaultRule, ...] = ()
        self._added: tuple[FaultRule, ...] = ()
        self._allowed = False
        self._journal = journal
        self._book = FaultBook(seed=seed, started=started)
        self._attend = Failing(self._book, world.clock.monotonic, journal)
        self.use(configuration)

    def use(self, configuration: Configuration) -> None:
        """Fail by what is written there from now on; what was added by the API stays while it is allowed."""
        self._allowed = configuration.staging.fail_on_purpose
        self._book.seed = configuration.staging.seed
        self._written = fault_rules(configuration.faults, configuration.places)[0] if self._allowed else ()
        self._added = self._added if self._allowed else ()
        self._book.use((*self._written, *self._added))
        if self._allowed:
            self._journal.fails_on_purpose(len(self._book.rules))

    def attend(self, configuration: Configuration) -> Attend | None:
        """Who stands between, for the doors of this configuration; nobody on a server that does not fail."""
        return self._attend if configuration.staging.fail_on_purpose else None

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What may be asked by the control socket and by HTTP."""
        return {"faults": self._list, "add-faults": self._add, "forget-faults": self._forget}

    async def _list(self, request: Json) -> Json:
        self._insist()
        book = self._book
        return {"seed": book.seed, "faults": [fault_json(rule, book.struck(rule)) for rule in book.rules]}

    async def _add(self, request: Json) -> Json:
        self._insist()
        try:
            added = tuple(read_fault(each) for each in request["faults"])
        except (KeyError, TypeError):
            raise ControlError('"faults" is a list of phrases, or of objects with the keys of [[fault]]') from None
        except ValueError as error:
            raise ControlError(str(error)) from None
        if len(self._added) + len(added) > MOST:
            raise ControlError(f"there would be more than {MOST} faults")
        self._added += tuple(map(self._book.placed, added))
        self._book.use((*self._written, *self._added))
        return await self._list(request)

    async def _forget(self, request: Json) -> Json:
        """Those of the file stay: it is they who say what the server is for."""
        self._insist()
        removed, self._added = len(self._added), ()
        self._book.use(self._written)
        return {"removed": removed}

    def _insist(self) -> None:
        if not self._allowed:
            raise ControlError("this server does not fail on purpose ([staging] fail_on_purpose)")
