"""What has to go together in `[policy]` and `[greylist]`."""

from collections.abc import Iterator

from heloise.config.errors import Problem
from heloise.config.names import problem
from heloise.config.schema import Configuration
from heloise.policy.meters import Per


def policy(draft: Configuration) -> Iterator[Problem]:
    """Times and thresholds that mean something, and each list once."""
    section = draft.policy
    if section.deadline <= 0:
        yield problem(draft, ("policy", "deadline"), "deadline is more than 0")
    for key, most in (("greet_delay", 60), ("tarpit", 60)):
        if getattr(section, key) > most:  # RFC 5321 §4.5.3.2.1: clients wait five minutes, and many less
            yield problem(draft, ("policy", key), f"{key} is at most {most} seconds, or good clients hang up")
    if section.refuse_at is not None and section.refuse_at <= 0:
        yield problem(draft, ("policy", "refuse_at"), "refuse_at is more than 0, or everybody would be refused")
    seen: dict[str, int] = {}
    for index, each in enumerate(section.lists):
        if each.zone in seen:
            first = draft.places.nearest("policy", "list", seen[each.zone])
            yield problem(draft, ("policy", "list", index, "zone"), f'"{each.zone}" is in another one, {first}')
        seen.setdefault(each.zone, index)
        if each.weight.is_off:
            yield problem(draft, ("policy", "list", index, "weight"), "the list counts for nothing")


def quotas(draft: Configuration) -> Iterator[Problem]:
    """Each has something to say."""
    for index, each in enumerate(draft.quotas):
        if not list(each.amounts()):
            yield problem(draft, ("quota", index), "the quota limits nothing")
        if each.per is Per.USER and each.connections is not None:
            text = "a user is not known yet when a connection is made"
            yield problem(draft, ("quota", index, "connections"), text, 'write per = "client"')


def greylist(draft: Configuration) -> Iterator[Problem]:
    """Whoever waits can come back in time."""
    section = draft.greylist
    if section.wait >= section.window:
        text = "wait is not shorter than window, so nobody could come back in time"
        yield problem(draft, ("greylist", "wait"), text)
    if section.rows < 1000:
        yield problem(draft, ("greylist", "rows"), "rows is at least 1000")


def advise_policy(configuration: Configuration) -> Iterator[Problem]:
    """Points that are added up and lead to nothing; rules that RFC 5321 does not want."""
    section = configuration.policy
    weights = [getattr(section, key) for key in WEIGHTS] + [each.weight for each in section.lists]
    if section.refuse_at is None and any(each.points > 0 for each in weights):
        text = "checks give points, and there is no refuse_at, so nobody is ever refused for them"
        yield problem(configuration, ("policy",), text, "write refuse_at = 5")
    if section.hello_unresolved.refuses:
        text = "RFC 5321 §4.1.4: nobody is to be refused because the name in EHLO can not be verified"
        yield problem(configuration, ("policy", "hello_unresolved"), text, "give it points")
    if configuration.greylist.wait > 3600:
        text = "wait is more than an hour; servers that try again sooner would have to come several times"
        yield problem(configuration, ("greylist", "wait"), text)


WEIGHTS = ("hello_ours", "hello_literal", "hello_short", "hello_unresolved", "reverse_name", "sender_domain")
