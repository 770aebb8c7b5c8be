"""The one writer of a store: group commit. Operations that arrive while a commit is in flight share the next one.

No timer: a lone operation is committed at once, a crowd forms its batches by itself. An operation that fails does not
take others with it: its batch is rolled back and each operation of it is done again in a transaction of its own.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from heloise.queue.errors import StoreFault, StoreFull
from heloise.world import Blocking

T = TypeVar("T")
BATCH = 256


@dataclass(slots=True)
class _Job:
    operation: Callable[[apsw.Connection], Any]
    done: "asyncio.Future[Any]"
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs operations on `connection` in `lane`, many in one transaction."""

    def __init__(self, connection: apsw.Connection, lane: Blocking) -> None:
        self._connection = connection
        self._lane = lane
        self._waiting: list[_Job] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, operation: Callable[[apsw.Connection], T]) -> T:
        """What `operation` returns, after its transaction is on stable storage. Raises StoreFull, StoreFault."""
        job = _Job(operation, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())
        result: T = await job.done
        return result

    async def finish(self) -> None:
        """Wait until nothing is left to do."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:BATCH]
                del self._waiting[:BATCH]
                await self._lane.run(self._commit, batch)
                for job in batch:
                    self._tell(job)
        finally:
            self._task = None

    @staticmethod
    def _tell(job: _Job) -> None:
        if job.done.done():  # whoever waited was cancelled; it is committed all the same
            return
        if job.error is not None:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)

    def _commit(self, batch: list[_Job]) -> None:
        try:
            self._transaction(batch)
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = as_store_error(error)
                return
            for job in batch:
                self._commit([job])

    def _transaction(self, batch: list[_Job]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                job.result = job.operation(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def as_store_error(error: Exception) -> Exception:
    """A trouble of SQLite or the disk as ours; anything else is a bug and stays what it is."""
    if isinstance(error, apsw.FullError):
        return StoreFull(str(error))
    if isinstance(error, apsw.Error):
        return StoreFault(str(error))
    if isinstance(error, OSError):
        return StoreFault(str(error))
    return error
