"""The targets. Each is a function of any octets, in a module named after it; it raises when something is broken."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is run, the words it knows, and how many octets at the front are not text but settings."""

    run: Callable[[bytes], None]
    tokens: tuple[bytes, ...]
    settings: int = 0
    longest: int = 2048


NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load(name: str) -> Target:
    """The target of this name. Raises ModuleNotFoundError."""
    target = importlib.import_module(f"{__name__}.{name}").TARGET
    assert isinstance(target, Target)
    return target
