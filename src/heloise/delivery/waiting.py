"""When is mail due again that waits to be asked for? Pure. RFC 1985, RFC 2645."""

from collections.abc import Sequence
from dataclasses import replace

from heloise.mail.route import Transport
from heloise.queue.model import QueuedRecipient, RecipientChange, RecipientState


def not_before_its_time(
    changes: Sequence[RecipientChange], recipients: Sequence[QueuedRecipient]
) -> tuple[RecipientChange, ...]:
    """Changes of recipients that were leased before they were due: who waits on is due no sooner than without it."""
    due = {recipient.id: recipient.due for recipient in recipients}
    return tuple(
        replace(change, due=max(change.due, due[change.recipient_id]))
        if change.state is RecipientState.WAITING
        else change
        for change in changes
    )


def until_its_site_comes(
    changes: Sequence[RecipientChange], recipients: Sequence[QueuedRecipient], *, expires: float
) -> tuple[RecipientChange, ...]:
    """Mail that only its site can fetch is not tried again from here; its next moment is when it `expires`."""
    kept = {recipient.id for recipient in recipients if recipient.route.transport is Transport.ATRN}
    return tuple(
        replace(change, due=expires)
        if change.recipient_id in kept and change.state is RecipientState.WAITING
        else change
        for change in changes
    )
