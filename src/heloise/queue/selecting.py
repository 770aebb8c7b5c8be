"""A `Selection` as an SQL condition, and as a predicate for a store in memory. RFC 1985 §5.1 for domains."""

from typing import Any

from heloise.queue.model import QueuedMessage, QueuedRecipient, RecipientState, Selection
from heloise.queue.schema import domain_key

# A message has the number of its first recipient: its recipients are a range of their table.
_OF_MESSAGE = (
    "recipient.id >= (SELECT id FROM message AS own WHERE own.message_id = ?)"
    " AND recipient.id < (SELECT id + recipients FROM message AS own WHERE own.message_id = ?)"
    " AND recipient.message = (SELECT id FROM message AS own WHERE own.message_id = ?)"
)
OPEN = (RecipientState.WAITING, RecipientState.LEASED, RecipientState.HELD)


def condition(selection: Selection, states: tuple[RecipientState, ...]) -> tuple[str, list[Any]]:
    """The WHERE clause over `recipient`, and its values; only recipients in one of `states`."""
    chosen = [state for state in states if selection.state in (None, state)]
    clauses = [f"recipient.state IN ({', '.join(str(state.value) for state in chosen)})"]
    values: list[Any] = []
    if selection.message_id is not None:
        clauses.append(_OF_MESSAGE)
        values += [selection.message_id] * 3
    if selection.sender is not None:
        clauses.append("(SELECT path FROM message AS own WHERE own.id = recipient.message) = ? COLLATE NOCASE")
        values.append(_in_brackets(selection.sender))
    if selection.recipient is not None:
        clauses.append("recipient.path = ? COLLATE NOCASE")
        values.append(_in_brackets(selection.recipient))
        clauses.append("recipient.domain = ?")
        values.append(domain_key(_domain(selection.recipient)))
    if selection.route is not None:
        clauses.append("recipient.route = ?")
        values.append(selection.route)
    if selection.domain is not None:
        key = domain_key(selection.domain.removeprefix("@"))
        if selection.domain.startswith("@"):
            clauses.append("recipient.domain >= ? AND recipient.domain < ?")
            values += [key, key[:-1] + "/"]  # "/" comes right after "." : the range of all that begins with the key
        else:
            clauses.append("recipient.domain = ?")
            values.append(key)
    return " AND ".join(clauses), values


def is_narrow(selection: Selection) -> bool:
    """Is there an index that finds the selected recipients without looking at the others?"""
    return not (selection.message_id is None and selection.recipient is None and selection.domain is None)


def matches(
    selection: Selection, message: QueuedMessage, queued: QueuedRecipient, states: tuple[RecipientState, ...]
) -> bool:
    """The same question about one recipient."""
    domain = domain_key(queued.recipient.forward_path.domain)
    wanted = None if selection.domain is None else domain_key(selection.domain.removeprefix("@"))
    subdomains = selection.domain is not None and selection.domain.startswith("@")
    return (
        queued.state in states
        and selection.state in (None, queued.state)
        and selection.message_id in (None, message.message_id)
        and (selection.sender is None or _in_brackets(selection.sender).lower() == str(message.reverse_path).lower())
        and (
            selection.recipient is None
            or _in_brackets(selection.recipient).lower() == str(queued.recipient.forward_path).lower()
        )
        and selection.route in (None, str(queued.route))
        and (wanted is None or domain == wanted or (subdomains and domain.startswith(wanted)))
    )


def _in_brackets(address: str) -> str:
    return address if address.startswith("<") else f"<{address}>"


def _domain(address: str) -> str | None:
    _, at, domain = address.strip("<>").rpartition("@")
    return domain if at else None
