"""The one writer of a store: group commit. Operations that arrive while a commit is in flight share the next one.

A lone operation is committed at once, a crowd forms its batches by itself. Only what can wait, the settlement of an
attempt, waits some milliseconds for the commit of something else: a lone client that sends one message after the other
then costs one commit for each, in which the message before it is settled. An operation that fails does not take others
with it: its batch is rolled back and each operation of it is done again in a transaction of its own.
Of what stands between two other operations in a batch, first all inserts are done and then all settlements, each sort
together, a statement for each table: a settlement is of what was inserted in an earlier commit.
"""

import asyncio
import errno
import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import apsw

from heloise.observe.counts import BOUNDS, Counts
from heloise.queue.errors import StoreFault, StoreFull
from heloise.queue.rows import NewRows
from heloise.queue.settling import Settled, ToSettle, settle
from heloise.queue.statements import insert
from heloise.world import Blocking

T = TypeVar("T")
BATCH = 256
PATIENCE = 0.005  # seconds that a settlement waits for company, at most
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True)
class _Job:
    """`then` is called with the result after the commit, also when whoever waited for it is gone."""

    done: "asyncio.Future[Any]"
    then: Callable[[Any], None] | None
    operation: Callable[[apsw.Connection], Any] | None = None
    rows: Sequence[NewRows] = ()
    to_settle: ToSettle | None = None
    result: Any = None
    error: Exception | None = None


class Writer:
    """Runs operations on `connection` in `lane`, many in one transaction.

    The log is written back when it has `checkpoint` pages: after those who wait for the commit were told. How long
    commits take is counted in `counts`, in seconds of the clock `now`.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        lane: Blocking,
        *,
        checkpoint: int,
        counts: Counts | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._connection = connection
        self._lane = lane
        self._loop: asyncio.AbstractEventLoop | None = None  # of who gives work; to ask for it is a system call
        self._checkpoint_at = checkpoint
        self._counts = counts if counts is not None else Counts()
        self._now = now
        self._log_pages = 0
        connection.set_wal_hook(self._note_log)
        self._waiting: list[_Job] = []
        self._is_urgent = False  # is something of it not to wait for company?
        self._timer: asyncio.TimerHandle | None = None  # while all of it can wait
        self._task: asyncio.Task[None] | None = None

    async def do(self, operation: Callable[[apsw.Connection], T], then: Callable[[T], None] | None = None) -> T:
        """What `operation` returns, after its transaction is on stable storage. Raises StoreFull, StoreFault.

        `then` is called with it right after the commit; when the waiting task is cancelled this happens all the same.
        """
        result: T = await self._give(_Job(self._future(), then, operation=operation))
        return result

    async def insert(self, rows: Sequence[NewRows], then: Callable[[None], None] | None = None) -> None:
        """Insert new messages, all or none. Otherwise as `do`."""
        await self._give(_Job(self._future(), then, rows=rows))

    async def settle(self, work: ToSettle, then: Callable[[Settled], None], *, can_wait: bool = False) -> Settled:
        """Apply a settlement; when it `can_wait`, with what comes next or in some milliseconds. Otherwise as `do`."""
        job = _Job(self._future(), then, to_settle=work)
        settled: Settled = await (self._give_time(job) if can_wait else self._give(job))
        return settled

    async def finish(self) -> None:
        """Wait until nothing is left to do."""
        while self._waiting or self._task is not None:
            if self._waiting:
                self._begin()
            if self._task is not None:
                await asyncio.wait([self._task])

    def _future(self) -> "asyncio.Future[Any]":
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.create_future()

    def _give(self, job: _Job) -> "asyncio.Future[Any]":
        self._waiting.append(job)
        self._begin()
        return job.done

    def _give_time(self, job: _Job) -> "asyncio.Future[Any]":
        self._waiting.append(job)
        if self._task is None and self._timer is None:
            self._wait_for_company()
        return job.done

    def _wait_for_company(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._begin)

    def _begin(self) -> None:
        self._is_urgent = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._is_urgent:
                batch = self._waiting[:BATCH]
                del self._waiting[:BATCH]
                self._is_urgent = bool(self._waiting)
                begun = self._now()
                try:
                    await self._lane.run(self._commit, batch)
                except Exception as error:  # the lane is closed: nothing was done
                    for job in batch:
                        job.error = job.error or StoreFault(str(error))
                seconds, durations = self._now() - begun, self._counts.commit_seconds
                durations.buckets[bisect_left(BOUNDS, seconds)] += 1
                durations.total += seconds
                self._counts.committed += len(batch)
                for job in batch:
                    self._tell(job)
                if self._log_pages >= self._checkpoint_at:
                    await self._lane.run(self._checkpoint)
        finally:
            self._task = None
            if self._waiting:
                self._wait_for_company()

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self) -> None:
        """What can not be written back now stays in the log, where it is safe; the next commit tries again."""
        with suppress(apsw.Error, OSError):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    @staticmethod
    def _tell(job: _Job) -> None:
        if job.error is None and job.then is not None:
            job.then(job.result)
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
                batch[0].error = self._second_try(batch, error)
                return
            for job in batch:
                self._commit([job])

    def _second_try(self, batch: list[_Job], error: Exception) -> Exception | None:
        """A full disk may still have room inside of the log, once that is written back; what is left of `error`."""
        trouble = as_store_error(error, self._connection)
        if not isinstance(trouble, StoreFull):
            return trouble
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
            self._transaction(batch)
        except Exception as again:
            return as_store_error(again, self._connection)
        return None

    def _transaction(self, batch: list[_Job]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._work(batch)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _work(self, batch: list[_Job]) -> None:
        together: list[_Job] = []
        for job in batch:
            if job.operation is None:
                together.append(job)
                continue
            self._insert_and_settle(together)
            together = []
            job.result = job.operation(self._connection)
        self._insert_and_settle(together)

    def _insert_and_settle(self, jobs: Sequence[_Job]) -> None:
        insert(self._connection, [rows for job in jobs for rows in job.rows])
        settlements = [job for job in jobs if job.to_settle is not None]
        work = [job.to_settle for job in settlements if job.to_settle is not None]
        for job, settled in zip(settlements, settle(self._connection, work), strict=True):
            job.result = settled


def as_store_error(error: Exception, connection: apsw.Connection | None = None) -> Exception:
    """A trouble of SQLite or the disk as ours; anything else is a bug and stays what it is."""
    if isinstance(error, OSError):
        return (StoreFull if error.errno in _NO_ROOM else StoreFault)(str(error))
    if not isinstance(error, apsw.Error):
        return error
    # The index of the log can not grow on a full disk either, and SQLite calls that an I/O error.
    if isinstance(error, apsw.IOError) and connection is not None and connection.system_errno in _NO_ROOM:
        return StoreFull(os.strerror(connection.system_errno))
    return (StoreFull if isinstance(error, apsw.FullError) else StoreFault)(str(error) or type(error).__name__)
