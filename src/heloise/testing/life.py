"""The life of a simulated program: its tasks, and theirs, and those that serve its connections. All end with it.

A task belongs to the life in whose context it was made. `VirtualLoop` enters each new task here; so nothing of a killed
program goes on, whoever started it.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar

T = TypeVar("T")

ROUNDS_TO_DIE: Final = 1000


class Life:
    """One run of a program."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in the order they came: a run must be repeatable
        self._ending = False

    def start(self, program: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Run `program` as a task of this life."""
        context = copy_context()
        context.run(_life.set, self)
        return asyncio.get_running_loop().create_task(program, name=name, context=context)

    def enter(self, task: "asyncio.Task[Any]") -> None:
        """One more task."""
        self._tasks[task] = None
        task.add_done_callback(self._left)

    async def end(self) -> None:
        """Cancel all tasks until none is left; no time passes.

        Raises:
            RuntimeError: some will not die.
        """
        self._ending = True
        for _ in range(ROUNDS_TO_DIE):
            if not self._tasks:
                return
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.sleep(0)
        raise RuntimeError(f"killed, and still there: {', '.join(task.get_name() for task in self._tasks)}")

    def _left(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)
        if self._ending and not task.cancelled():
            task.exception()  # asked for, so that nobody complains of it: a dying program meets dead doors


_life: ContextVar[Life | None] = ContextVar("life", default=None)


def make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
    *,
    context: Context | None = None,
) -> "asyncio.Task[T]":
    """A task factory that enters each task in the life it belongs to."""
    task = asyncio.Task(coroutine, loop=loop, context=context)
    life = _life.get() if context is None else context.get(_life)
    if life is not None:
        life.enter(task)
    return task
