"""The table of path lengths: what was counted when it was last written, and how much more is let pass."""

import sys
import tomllib
from pathlib import Path

TABLE = Path(__file__).with_name("table.toml")
TOLERANCE = 1.03
VERSION = f"python-{sys.version_info.major}.{sys.version_info.minor}"
"""An interpreter makes calls of its own, other ones in each version."""

_HEAD = """\
# What one message costs, counted and not timed: tests/pathlength. Written by
#
#     .venv/bin/python -m tests.pathlength
#
# A change that makes a number larger by more than 3 % fails the test. When that is what the change is worth, write the
# table again and commit it with the change.
"""


def known(section: str) -> dict[str, float]:
    """What was counted in `section`; empty when it never was."""
    if not TABLE.exists():
        return {}
    return {name: float(value) for name, value in tomllib.loads(TABLE.read_text()).get(section, {}).items()}


def write(sections: dict[str, dict[str, float]]) -> None:
    """Write these sections, and leave others as they are: those of other versions of Python."""
    old = tomllib.loads(TABLE.read_text()) if TABLE.exists() else {}
    parts = [_HEAD]
    for section, values in {**old, **sections}.items():
        parts.append(f"\n[{section}]\n" if section.isidentifier() else f'\n["{section}"]\n')
        parts += [f'"{name}" = {value:g}\n' for name, value in values.items()]
    TABLE.write_text("".join(parts))


def longer(before: dict[str, float], counted: dict[str, float]) -> list[str]:
    """A line for each path that has got longer, or that was never counted before."""
    return [
        f"{name}: {value:g}, was {before[name]:g}" if name in before else f"{name}: {value:g}, not in the table"
        for name, value in counted.items()
        if value > before.get(name, 0) * TOLERANCE
    ]
