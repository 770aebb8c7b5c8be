"""Final delivery into a Maildir on this machine. RFC 5321 §4.4."""

import errno

from heloise.delivery.attempt import DeliveryAgent, DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import local
from heloise.delivery.narration import connecting
from heloise.local.accounts import Account
from heloise.local.maildir import MaildirLetter, put
from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.mail.route import Transport
from heloise.queue.model import QueuedRecipient
from heloise.smtp import replies

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


async def attempt(doors: DeliveryDoors, attempt: DeliveryAttempt) -> None:
    """One letter for each recipient; the mailbox is asked again, since much may have happened after RCPT."""
    attempt.narrate(connecting(attempt.undecided, "local"))
    for recipient in attempt.undecided:
        attempt.decide(recipient, local(await _deliver(doors, attempt, recipient)))


async def _deliver(doors: DeliveryDoors, attempt: DeliveryAttempt, recipient: QueuedRecipient) -> Reply:
    account = doors.mailboxes.account(attempt.route.target)
    if account is None:
        return replies.recipient_unknown(recipient.recipient.forward_path)
    try:
        objection = _objection(doors, account, attempt, recipient)
        if objection is not None:
            return objection
        letter = _letter(doors, account, attempt, recipient)
        written = await put(letter, doors.world.files, doors.world.blocking)
    except OSError as error:
        return _trouble(account, error)
    doors.mailboxes.delivered(account.name, written)
    return replies.delivered(account.name)


def _objection(
    doors: DeliveryDoors, account: Account, attempt: DeliveryAttempt, recipient: QueuedRecipient
) -> Reply | None:
    path = recipient.recipient.forward_path
    if doors.mailboxes.locked(account.name):
        return replies.mailbox_locked(path, causes.MAILBOX_LOCKED.because(account=account.name))
    if account.quota is None:
        return None
    usage, size = doors.mailboxes.usage(account.name), attempt.message.facts.size
    if usage + size <= account.quota:
        return None
    cause = causes.MAILBOX_FULL.because(account=account.name, usage=usage, size=size, quota=account.quota)
    return replies.mailbox_full(path, cause)


def _letter(
    doors: DeliveryDoors, account: Account, attempt: DeliveryAttempt, recipient: QueuedRecipient
) -> MaildirLetter:
    message = attempt.message
    return MaildirLetter(
        maildir=account.maildir,
        # The same at every attempt: seconds, message and recipient, host; see heloise.local.maildir.
        name=f"{int(message.accepted_at)}.M{message.message_id}R{recipient.id}.{_file_name(doors.hostname)}",
        attempt=doors.world.entropy.octets(6).hex(),
        reverse_path=message.reverse_path,
        forward_path=recipient.recipient.forward_path,
        content=attempt.content,
        line_feeds=account.line_feeds and not message.facts.binary,
        is_proven=doors.mailboxes.is_proven(account.name),
    )


def _file_name(hostname: str) -> str:
    """Neither slash nor colon may stand in a name of a Maildir."""
    return hostname.replace("/", "_").replace(":", "_")


def _trouble(account: Account, error: OSError) -> Reply:
    words = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return replies.local_no_room(account.name, words)
    return replies.local_trouble(account.name, words)


AGENT = DeliveryAgent(
    transports=frozenset({Transport.MAILDIR}),
    summary="puts the message into a user's Maildir",
    attempt=attempt,
)
