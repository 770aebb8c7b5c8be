"""Delivery to a web service. What is sent stands in `delivery.hook`, what answers mean in `delivery.verdicts`."""

from collections.abc import Sequence

from heloise.delivery.allowance import Bounds
from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import local, not_connected
from heloise.delivery.hook import Hook, address, batches, request_for
from heloise.delivery.narration import connecting
from heloise.delivery.verdicts import asked_pause, hook_verdict, verdicts_by_recipient
from heloise.mail.route import Route, Transport
from heloise.queue.model import QueuedRecipient
from heloise.smtp import replies
from heloise.world import LinkError

_MOST_BODY = 1 << 18  # octets of an answer


def bounds(doors: DeliveryDoors, route: Route) -> Bounds:
    """How many requests may be under way at once; it begins with few."""
    hook = doors.hooks.get(route.target)
    return Bounds(concurrency=hook.concurrency if hook is not None else 1)


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """One request, or several when there are too many recipients to name in one."""
    hook = doors.hooks.get(attempt.route.target)
    if hook is None:
        attempt.decide_all(local(replies.not_configured(str(attempt.route))))
        return
    if hook.max_size is not None and attempt.content.size > hook.max_size:
        attempt.decide_all(local(replies.too_big_for(hook.name, size=attempt.content.size, maximum=hook.max_size)))
        return
    attempt.narrate(connecting(attempt.undecided, f"the service {hook.name}"))
    for recipients in batches(attempt.undecided):
        await _post(doors, hook, attempt, recipients)


async def _post(
    doors: DeliveryDoors, hook: Hook, attempt: DeliveryAttempt, recipients: Sequence[QueuedRecipient]
) -> None:
    now = doors.world.clock.now()
    request = await request_for(hook, attempt.message, recipients, attempt.content, now=now)
    try:
        answer = await doors.world.http.post(
            request, attempt.content.chunks(), timeout=hook.timeout, most_body=_MOST_BODY
        )
    except LinkError as error:
        outcome = local(not_connected(error, shown=hook.name))
        for recipient in recipients:
            attempt.decide(recipient, outcome)
        return
    attempt.pause = asked_pause(answer, now=doors.world.clock.now())
    everybody, named = hook_verdict(hook.name, answer), verdicts_by_recipient(hook.name, answer)
    for recipient in recipients:
        attempt.decide(recipient, local(named.get(address(recipient), everybody)))


AGENT = DeliveryAgent(
    transports=frozenset({Transport.HTTP}),
    summary="gives the message to a web service",
    attempt=attempt,
    bounds=bounds,
)
