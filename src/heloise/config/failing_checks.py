"""What is wrong, and what is risky, in faults that a server is to fail by."""

from collections.abc import Iterator

from heloise.config.errors import Problem
from heloise.config.failing import fault_rules
from heloise.config.names import problem
from heloise.config.schema import Configuration


def faults(draft: Configuration) -> Iterator[Problem]:
    """Each is one that can happen, and a server fails by them only where that was said twice."""
    yield from fault_rules(draft.faults, draft.places)[1]
    if draft.faults and not draft.staging.fail_on_purpose:
        hint = "a server for tests has [staging] fail_on_purpose = true; no other has faults"
        yield problem(draft, ("fault", 0), "this server is not one that may fail on purpose", hint)


def advise_faults(configuration: Configuration) -> Iterator[Problem]:
    """Whoever reads it should know what sort of server it is."""
    if configuration.staging.fail_on_purpose:
        text = "this server fails on purpose, by [[fault]] rules and by whatever its API is given"
        yield problem(configuration, ("staging", "fail_on_purpose"), text, "for tests, and for nothing else")
