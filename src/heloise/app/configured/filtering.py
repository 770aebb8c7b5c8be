"""The filters that are configured: milters in their order, then rspamd."""

from collections.abc import Iterator
from importlib.metadata import version

from heloise.app.journal import Journal
from heloise.config.filtering import Milter, Rspamd
from heloise.config.listening import Listener
from heloise.config.schema import Configuration
from heloise.filters.milter.conversation import MilterTimeouts
from heloise.filters.milter.filter import MilterFilter, MilterOptions
from heloise.filters.rspamd.filter import RspamdFilter, RspamdOptions
from heloise.mail.cause import Rule
from heloise.policy.filter import Filter
from heloise.world import World


def configured_filters(
    configuration: Configuration, listener: Listener, world: World, journal: Journal
) -> Iterator[Filter]:
    """Those of one listener."""
    ours = f"heloise {version('heloise')}"
    for index, milter in enumerate(configuration.milters):
        if not milter.listeners or listener.address in milter.listeners:
            options = _milter(milter, configuration.rule("milter", index))
            yield MilterFilter(options, world, ours, journal.policy_trouble)
    if configuration.rspamd.url is not None:
        asked = _rspamd(configuration.rspamd, configuration.rspamd.url, configuration.rule("rspamd", "url"))
        yield RspamdFilter(asked, world, journal.policy_trouble)


def _milter(milter: Milter, rule: Rule | None) -> MilterOptions:
    return MilterOptions(
        name=milter.name,
        endpoint=milter.address,
        timeouts=MilterTimeouts(
            connect=milter.connect_timeout,
            command=milter.command_timeout,
            content=milter.content_timeout,
            end=milter.message_timeout,
        ),
        default_action=milter.default_action,
        macros=milter.macros,
        rule=rule,
    )


def _rspamd(rspamd: Rspamd, url: str, rule: Rule | None) -> RspamdOptions:
    return RspamdOptions(
        url=url,
        password=rspamd.password,
        timeout=rspamd.timeout,
        max_size=rspamd.max_size,
        default_action=rspamd.default_action,
        rule=rule,
    )
