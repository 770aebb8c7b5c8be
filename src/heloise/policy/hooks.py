"""An operator's own policy in Python: a file with functions for some of the stages.

    from heloise.policy import CONTINUE, RcptView, Verdict, later

    async def on_rcpt(view: RcptView) -> Verdict:
        return later("Closed at night") if is_night(view.session.now) else CONTINUE

`async def` functions run on the event loop and must not block; others run in lanes of their own: one that blocks
holds up nobody but whoever needs its answer. The file is loaded anew when it changes; one that is broken leaves the one
before. Hooks see all clients, those that may relay as well.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from inspect import Parameter, iscoroutinefunction, signature
from itertools import count
from types import ModuleType
from typing import Any

from heloise.policy.check import OnTrouble
from heloise.policy.stage import Stage
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import View
from heloise.world import Blocking

HOOKS: Mapping[str, Stage] = {f"on_{stage.value}": stage for stage in Stage}
_LANES = 4  # functions that block at a time
_numbers = count(1)


class HookError(Exception):
    """The file can not be used; the text says why, with the line."""


@dataclass(frozen=True, slots=True)
class HookSet:
    """The functions of one version of a file."""

    path: str
    functions: Mapping[Stage, Callable[[Any], Any]]


def load_hooks(source: str, path: str) -> HookSet:
    """Run the file and take its functions. Blocks for as long as the file takes. Raises HookError."""
    module = ModuleType(f"heloise_hooks_{next(_numbers)}")
    module.__file__ = path
    # Dataclasses look for their module by name while they are made.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
        return HookSet(path, dict(_functions(module)))
    except HookError:
        del sys.modules[module.__name__]
        raise
    except BaseException as error:
        del sys.modules[module.__name__]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise HookError(f"{path}{_line(error, path)}: {type(error).__name__}: {error}") from error


def _functions(module: ModuleType) -> "list[tuple[Stage, Callable[[Any], Any]]]":
    """Raises HookError for a name that is nearly right, and for what can not be called with a view."""
    found = []
    for name, value in vars(module).items():
        if not name.startswith("on_"):
            continue
        if name not in HOOKS:
            near = get_close_matches(name, HOOKS, n=1)
            raise HookError(
                f"{module.__file__}: there is no hook {name}; did you mean {near[0] if near else 'on_rcpt'}?"
            )
        if not callable(value) or not _takes_one(value):
            raise HookError(f"{module.__file__}: {name} is called with one argument, the view")
        found.append((HOOKS[name], value))
    if not found:
        raise HookError(f"{module.__file__}: there is no hook in it; the names are {', '.join(HOOKS)}")
    return found


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return True  # nobody can tell; the first call will
    needed = [each for each in parameters if each.default is Parameter.empty and each.kind in _PLACES]
    possible = [each for each in parameters if each.kind in _PLACES or each.kind is Parameter.VAR_POSITIONAL]
    return len(needed) <= 1 <= len(possible)


_PLACES = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def _line(error: BaseException, path: str) -> str:
    """`:12`, the last line of the file that the error came through."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f":{error.lineno}"
    line, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line


@dataclass(slots=True)
class Hooks:
    """The filter of an operator's file; see `heloise.policy.filter.Filter`. `use` gives it another version.

    `lane` makes a lane by its name.
    """

    current: HookSet
    lane: Callable[[str], Blocking]
    deadline: float = 5.0
    on_trouble: OnTrouble = OnTrouble.LATER
    name: str = "hooks"
    _lanes: list[Blocking] = field(default_factory=list)
    _free: "asyncio.Queue[Blocking]" = field(default_factory=asyncio.Queue)

    @property
    def stages(self) -> frozenset[Stage]:
        """Where the file has a function now."""
        return frozenset(self.current.functions)

    def use(self, hooks: HookSet) -> None:
        """From the next question on."""
        self.current = hooks

    def follow(self, session: str) -> "Hooks":
        """Hooks know nothing of sessions but what they are shown."""
        return self

    async def judge(self, view: View) -> Verdict:
        """Call the function. What it raises is its own trouble."""
        function = self.current.functions.get(view.stage)
        if function is None:
            return CONTINUE
        answer = await function(view) if iscoroutinefunction(function) else await self._in_lane(function, view)
        if not isinstance(answer, Verdict):
            raise TypeError(f"on_{view.stage.value} gave {answer!r}, which is no Verdict")
        return answer

    async def forget(self) -> None:
        """Nothing is kept of a transaction."""

    async def close(self) -> None:
        """Nothing is kept of a session."""

    async def shut_down(self) -> None:
        """Wait for functions that block."""
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await lane.close()

    async def _in_lane(self, function: Callable[[View], Any], view: View) -> object:
        """A function that takes longer than its deadline keeps its lane until it ends."""
        if self._free.empty() and len(self._lanes) < _LANES:
            self._lanes.append(self.lane(f"hooks-{len(self._lanes) + 1}"))
            self._free.put_nowait(self._lanes[-1])
        lane = await self._free.get()
        task = asyncio.ensure_future(lane.run(function, view))
        task.add_done_callback(lambda done: self._ended(done, lane))
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Future[object]", lane: Blocking) -> None:
        if not task.cancelled():
            task.exception()  # heard, though whoever has asked may be gone
        self._free.put_nowait(lane)
