"""For all tests: chance has no deadline, since a busy machine is no fault of what is tested.

Where the compiled rooms are tested (`scripts/check-compiled`), tests marked `interpreted` are left out, by name.
"""

import os
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
from hypothesis import settings

import heloise.mail.reply

settings.register_profile("house", deadline=None)
settings.load_profile("house")

IS_COMPILED = (heloise.mail.reply.__file__ or "").endswith(tuple(EXTENSION_SUFFIXES))


def pytest_configure() -> None:
    """Neither tests the wrong one."""
    wanted = os.environ.get("HELOISE_TESTED", "")
    if (wanted == "compiled") != IS_COMPILED:
        raise pytest.UsageError(f"HELOISE_TESTED is {wanted!r}, but heloise is {heloise.mail.reply.__file__}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only can be tested interpreted, and say its name and why."""
    for item in items if IS_COMPILED else []:
        marker = item.get_closest_marker("interpreted")
        if marker is not None:
            item.add_marker(pytest.mark.skip(reason=f"{item.name}, tested interpreted only: {marker.args[0]}"))
