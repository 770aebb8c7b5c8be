"""The policy of each listener, as it is configured: the checks with their options, then the filters."""

from collections.abc import Sequence
from typing import Any

from heloise.app.journal import Journal
from heloise.config.listening import Listener
from heloise.config.schema import Configuration
from heloise.policy.check import ConfiguredCheck, Doors
from heloise.policy.filter import Filter
from heloise.policy.pipeline import PolicyPipeline, Threshold
from heloise.world import World


def listener_policy(
    configuration: Configuration,
    listener: Listener,
    world: World,
    journal: Journal,
    *,
    filters: Sequence[Filter] = (),
    spool_directory: str | None = None,
) -> PolicyPipeline | None:
    """Whom to ask on this listener; None when there is nobody."""
    policy = configuration.policy
    pipeline = PolicyPipeline(
        checks=_checks(configuration, listener),
        filters=filters,
        doors=Doors(world=world, hostname=configuration.hostname),
        tell=journal.policy_trouble,
        threshold=Threshold(refuse_at=policy.refuse_at, rule=configuration.rule("policy", "refuse_at")),
        listener=str(listener.address),
        spool_directory=spool_directory,
    )
    return pipeline if pipeline.stages else None


def _checks(configuration: Configuration, listener: Listener) -> tuple[ConfiguredCheck[Any], ...]:
    return ()
