"""Delivery to a program on this machine, on its standard input. What its end means stands in `delivery.verdicts`."""

from collections.abc import AsyncIterator, Sequence

from heloise.delivery.allowance import Bounds
from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import local
from heloise.delivery.narration import connecting
from heloise.delivery.verdicts import program_verdict
from heloise.local.final import final_pieces, was_delivered_to
from heloise.local.program import PipeProgram, looks_like_an_option, program_for
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.queue.model import QueuedRecipient
from heloise.smtp import replies

_MOST_OUTPUT = 8192  # octets of what a program says are kept
_MOST_RECIPIENTS = 100  # in one run: the operating system bounds the length of arguments


def bounds(doors: DeliveryDoors, route: Route) -> Bounds:
    """How many may run at once."""
    program = doors.programs.get(route.target)
    return Bounds(concurrency=program.concurrency if program is not None else 1, careful=False)


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """One run for each recipient, or for many."""
    pipe = doors.programs.get(attempt.route.target)
    if pipe is None:
        attempt.decide_all(local(replies.not_configured(str(attempt.route))))
        return
    attempt.narrate(connecting(attempt.undecided, f"the program {pipe.name}"))
    runs = await _runs(pipe, attempt)
    for recipients in runs:
        reply = await _run(doors, pipe, attempt, recipients)
        for recipient in recipients:
            attempt.decide(recipient, local(reply))


async def _runs(pipe: PipeProgram, attempt: DeliveryAttempt) -> list[Sequence[QueuedRecipient]]:
    """Who goes in which run; those for whom nothing is run are decided."""
    for recipient in attempt.undecided:
        path = recipient.recipient.forward_path
        if looks_like_an_option(pipe, path):
            attempt.decide(recipient, local(replies.looks_like_an_option(path)))
        elif pipe.one_recipient and await was_delivered_to(attempt.content, path):
            attempt.decide(recipient, local(replies.delivered_before(path)))
    most = 1 if pipe.one_recipient else _MOST_RECIPIENTS
    left = attempt.undecided
    return [left[start : start + most] for start in range(0, len(left), most)]


async def _run(
    doors: DeliveryDoors, pipe: PipeProgram, attempt: DeliveryAttempt, recipients: Sequence[QueuedRecipient]
) -> Reply:
    program = program_for(
        pipe,
        message_id=attempt.message.message_id,
        reverse_path=attempt.message.reverse_path,
        forward_paths=[each.recipient.forward_path for each in recipients],
    )
    content = _content(pipe, attempt, recipients)
    try:
        end = await doors.world.processes.run(program, content, timeout=pipe.timeout, most_output=_MOST_OUTPUT)
    except OSError as error:
        return replies.program_not_started(pipe.name, error.strerror or str(error))
    return program_verdict(pipe.name, end, timeout=pipe.timeout)


def _content(
    pipe: PipeProgram, attempt: DeliveryAttempt, recipients: Sequence[QueuedRecipient]
) -> AsyncIterator[bytes]:
    message = attempt.message
    return final_pieces(
        attempt.content,
        message.reverse_path,
        recipients[0].recipient.forward_path if len(recipients) == 1 else None,
        line_feeds=pipe.line_feeds and not message.facts.binary,
    )


AGENT = DeliveryAgent(
    transports=frozenset({Transport.PIPE}),
    summary="gives the message to a program",
    attempt=attempt,
    bounds=bounds,
)
