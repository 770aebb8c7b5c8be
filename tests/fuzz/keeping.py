"""Chooses inputs worth keeping: a short one for each step from line to line that any of them takes in heloise."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from tests.fuzz import targets

_HOME = "/heloise/"
Step: TypeAlias = tuple[str, int, int]


def steps_of(run: Callable[[bytes], None], octets: bytes) -> set[Step]:
    """The steps that a run takes."""
    steps: set[Step] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if _HOME not in frame.f_code.co_filename:
            return None
        if event == "line":
            steps.add((frame.f_code.co_filename, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        elif event == "return":
            last.pop(frame, None)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run(octets)
    finally:
        sys.settrace(before)
    return steps


def keep(name: str, found: Path, corpus: Path) -> None:
    """Add to `corpus` those of `found` that take a step no shorter one takes; named by their digest."""
    run = targets.load(name).run
    corpus.mkdir(parents=True, exist_ok=True)
    known: set[Step] = set()
    for path in corpus.iterdir():
        known |= steps_of(run, path.read_bytes())
    for octets in sorted({path.read_bytes() for path in found.iterdir()}, key=lambda octets: (len(octets), octets)):
        steps = steps_of(run, octets)
        if not steps <= known:
            known |= steps
            (corpus / hashlib.sha256(octets).hexdigest()[:16]).write_bytes(octets)
    print(f"{name}: {len(known)} steps, {len(list(corpus.iterdir()))} inputs")
