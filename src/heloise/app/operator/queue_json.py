"""Selections and queued messages as JSON: what goes over the control socket, and what `heloise queue --json` prints."""

from dataclasses import fields
from typing import Any, TypeAlias

from heloise.queue.model import QueuedMessage, QueuedRecipient, RecipientState, Selection

Json: TypeAlias = dict[str, Any]


def selection_json(selection: Selection) -> Json:
    """A selection as JSON; what does not narrow is left out."""
    pairs = {each.name: getattr(selection, each.name) for each in fields(Selection)}
    if selection.state is not None:
        pairs["state"] = selection.state.name.lower()
    return {name: value for name, value in pairs.items() if value is not None}


def selection_from_json(values: Json) -> Selection:
    """Read what `selection_json` wrote. Raises ValueError or TypeError."""
    state = values.get("state")
    rest = {name: value for name, value in values.items() if name != "state"}
    return Selection(**rest, state=None if state is None else RecipientState[state.upper()])


def message_json(message: QueuedMessage) -> Json:
    """A queued message as JSON; times in seconds since the epoch."""
    return {
        "id": message.message_id,
        "sender": str(message.reverse_path),
        "parameters": str(message.parameters),
        "size": message.facts.size,
        "accepted_at": message.accepted_at,
        "from": message.origin.peer_address,
        "hello": message.origin.hello_name,
        "protocol": message.origin.protocol,
        "session": message.origin.session,
        "not_before": message.hints.not_before,
        "expires_at": message.hints.expires_at,
        "warn_at": message.hints.warn_at,
        "priority": message.hints.priority,
        "recipients": [_recipient_json(recipient) for recipient in message.recipients],
    }


def _recipient_json(queued: QueuedRecipient) -> Json:
    word = queued.last_word
    return {
        "recipient": str(queued.recipient.forward_path),
        "parameters": str(queued.recipient.parameters),
        "route": str(queued.route),
        "state": queued.state.name.lower(),
        "due": queued.due,
        "attempts": queued.attempts,
        "last": None
        if word is None
        else {"at": word.at, "reply": word.reply, "cause": word.cause, "remote_mta": word.remote_mta},
    }
