"""Programs as functions: what a simulated host can run.

    host.programs.install("/usr/bin/procmail", lambda run: 0)
    host.programs.install("/usr/bin/slow", slow)  # async def slow(run: ProgramRun) -> int: ...

The function gets what the program would see, and returns its exit code, or a whole `ProgramEnd`.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from heloise.world.processes import Program, ProgramEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRun:
    """One run: what was asked for, and all of the standard input."""

    program: Program
    content: bytes


Script: TypeAlias = Callable[[ProgramRun], Awaitable[int | ProgramEnd] | int | ProgramEnd]


class SimulatedProcesses:
    """The door. `runs` are all runs, in order."""

    def __init__(self) -> None:
        self.runs: list[ProgramRun] = []
        self._scripts: dict[str, Script] = {}

    def install(self, path: str, script: Script) -> None:
        """There is a program of this name from now on."""
        self._scripts[path] = script

    async def run(
        self, program: Program, content: AsyncIterator[bytes], *, timeout: float, most_output: int
    ) -> ProgramEnd:
        """Call the function. See `heloise.world.Processes`."""
        script = self._scripts.get(program.command[0])
        if script is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", program.command[0])
        try:
            async with asyncio.timeout(timeout):
                run = ProgramRun(program=program, content=b"".join([octets async for octets in content]))
                self.runs.append(run)
                result = script(run)
                end = await result if isinstance(result, Awaitable) else result
        except TimeoutError:
            return ProgramEnd()
        end = ProgramEnd(exit_code=end) if isinstance(end, int) else end
        return replace(end, output=end.output[:most_output])
