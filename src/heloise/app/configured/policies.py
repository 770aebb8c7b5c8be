"""The policy of each listener, as it is configured: the checks with their options, then the filters."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from heloise.app.journal import Journal
from heloise.app.server.part import Part
from heloise.config.judging_checks import WEIGHTS
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.policy.check import Check, ConfiguredCheck, Doors
from heloise.policy.checks import dns_list, greylist, hello, quota, recipient_domain, reverse_name, sender_domain
from heloise.policy.filter import Filter
from heloise.policy.greylist import Greylist, GreylistTimes
from heloise.policy.meters import Metering, Meters, Quota, QuotaRules
from heloise.policy.pipeline import PolicyPipeline, Threshold
from heloise.policy.views import ListenerRole
from heloise.reception.waiting import Waiting
from heloise.world import World


def make_greylist(
    configuration: Configuration, world: World, *, vfs: str | None = None, exclusive: bool = False
) -> Greylist:
    """The memory of greylisting, one for all listeners and processes. It opens its file when it is asked."""
    path = f"{configuration.state}/greylist/greylist.db"
    return Greylist(path, greylist_times(configuration), world, vfs=vfs, exclusive=exclusive)


def greylist_times(configuration: Configuration) -> GreylistTimes:
    """How long who has to wait."""
    section = configuration.greylist
    return GreylistTimes(
        wait=section.wait,
        window=section.window,
        keep=section.keep,
        good_after=section.good_after,
        rows=section.rows,
    )


def listener_policy(
    configuration: Configuration,
    listener: Listener,
    world: World,
    journal: Journal,
    *,
    memory: Greylist | None = None,
    metering: Metering | None = None,
    filters: Sequence[Filter] = (),
    spool_directory: str | None = None,
    world_for: Callable[[str], World] | None = None,
) -> PolicyPipeline | None:
    """Whom to ask on this listener; None when there is nobody. `world_for` as in `Doors`."""
    policy = configuration.policy
    # By LMTP a server of ours brings what it has taken already, and by ODMR nobody brings anything.
    is_smtp = listener.spoken is Protocol.SMTP
    checks = tuple(_checks(configuration, memory, metering)) if is_smtp else ()
    if listener.for_whom is not ListenerRole.MX:
        # Our own users are at home, where networks are in lists and names are short; nobody is a stranger for long.
        checks = tuple(each for each in checks if each.check.for_all)
    pipeline = PolicyPipeline(
        checks=checks,
        filters=filters,
        doors=Doors(world=world, hostname=configuration.hostname, world_for=world_for),
        tell=journal.policy_trouble,
        threshold=Threshold(refuse_at=policy.refuse_at, rule=configuration.rule("policy", "refuse_at")),
        role=listener.for_whom,
        listener=str(listener.address),
        spool_directory=spool_directory,
        metering=metering if is_smtp else None,
        took=journal.counts.policy_seconds,
    )
    return pipeline if pipeline.stages or filters else None


def waiting(configuration: Configuration, listener: Listener) -> Waiting | None:
    """How long strangers wait; None when they do not."""
    policy = configuration.policy
    if listener.spoken is not Protocol.SMTP or not (policy.greet_delay or policy.tarpit):
        return None
    rule = configuration.rule("policy", "greet_delay")
    return Waiting(greet_delay=policy.greet_delay, tarpit=policy.tarpit, greet_rule=rule)


def completing_domain(configuration: Configuration, listener: Listener) -> str | None:
    """The domain of names without one, where what users submit is completed (RFC 6409 §8); else None."""
    if listener.for_whom is not ListenerRole.SUBMISSION:
        return None
    return configuration.local.domains[0] if configuration.local.domains else configuration.hostname


def metering_of(configuration: Configuration, meters: Meters, part: Part) -> Metering | None:
    """The quotas, with this process's part of each; None when there are none."""
    rules = tuple(
        QuotaRules(
            per=section.per,
            networks=section.networks,
            quotas={what: Quota(part.share(each.amount), each.seconds) for what, each in section.amounts()},
            rules={what: configuration.rule("quota", index, what.value) for what, _ in section.amounts()},
        )
        for index, section in enumerate(configuration.quotas)
    )
    return Metering(meters, rules) if rules else None


def _checks(
    configuration: Configuration, memory: Greylist | None, metering: Metering | None
) -> Iterator[ConfiguredCheck[Any]]:
    policy = configuration.policy

    def configured(check: Check[Any], options: Any, label: str = "") -> ConfiguredCheck[Any]:
        return ConfiguredCheck(
            check=check, options=options, label=label, deadline=policy.deadline, on_trouble=policy.on_trouble
        )

    if metering is not None:
        yield configured(quota.CHECK, metering)
    rules = {key: configuration.rule("policy", key) for key in WEIGHTS}
    own = frozenset(configuration.local.all_domains)
    if not all(getattr(policy, key).is_off for key in WEIGHTS if key.startswith("hello_")):
        names = ("ours", "literal", "short", "unresolved")
        weights = {name: getattr(policy, f"hello_{name}") for name in names}
        hello_rules = {name: rules[f"hello_{name}"] for name in names}
        yield configured(hello.CHECK, hello.HelloOptions(**weights, own_names=own, rules=hello_rules))
    if not policy.reverse_name.is_off:
        options = reverse_name.ReverseNameOptions(missing=policy.reverse_name, rule=rules["reverse_name"])
        yield configured(reverse_name.CHECK, options)
    for index, each in enumerate(policy.lists):
        rule = configuration.rule("policy", "list", index)
        listed = dns_list.DnsListOptions(zone=each.zone, weight=each.weight, answers=each.answers, rule=rule)
        yield configured(dns_list.CHECK, listed, each.zone)
    if not policy.sender_domain.is_off:
        asked = sender_domain.SenderDomainOptions(weight=policy.sender_domain, own=own, rule=rules["sender_domain"])
        yield configured(sender_domain.CHECK, asked)
    if policy.recipient_null_mx:
        rule = configuration.rule("policy", "recipient_null_mx")
        yield configured(recipient_domain.CHECK, recipient_domain.RecipientDomainOptions(rule=rule))
    if memory is not None and configuration.greylist.wait:
        good = frozenset(f"listed:{each.zone}" for each in policy.lists if each.weight.points < 0)
        rule = configuration.rule("greylist", "wait")
        yield configured(greylist.CHECK, greylist.GreylistOptions(greylist=memory, passing=good, rule=rule))
