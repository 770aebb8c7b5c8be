"""A `Selection` as SQL conditions, and as a predicate for a store in memory. RFC 1985 §5.1 for domains.

Letters compare without case in ASCII only, as in SQLite: what is outside of it is what it is.
"""

from typing import Any, TypeAlias

from heloise.queue.model import LastWord, QueuedMessage, QueuedRecipient, RecipientState, Selection
from heloise.queue.schema import domain_key

Condition: TypeAlias = tuple[list[str], list[Any]]
"""Clauses that all have to hold, and their values."""

# A message has the number of its first recipient: its recipients are a range of their table.
_OF_MESSAGE = (
    "recipient.id >= (SELECT id FROM message AS own WHERE own.message_id = ?)"
    " AND recipient.id < (SELECT id + recipients FROM message AS own WHERE own.message_id = ?)"
    " AND recipient.message = (SELECT id FROM message AS own WHERE own.message_id = ?)"
)
# LIKE would take % and _ for more than they are. A last word that can not be read must not spoil the others.
_REASON = (
    "CASE WHEN json_valid(recipient.last_word)"
    " THEN instr(lower(json_extract(recipient.last_word, '$[1]')), ?)"
    " OR instr(lower(json_extract(recipient.last_word, '$[2]')), ?)"
    " ELSE 0 END"
)
OPEN = (RecipientState.WAITING, RecipientState.LEASED, RecipientState.HELD)


def condition(selection: Selection, states: tuple[RecipientState, ...]) -> tuple[str, list[Any]]:
    """The WHERE clause over `recipient`, and its values; only recipients in one of `states`."""
    clauses, values = recipient_condition(selection, states)
    of_message, more = message_condition(selection, "own")
    if of_message:
        whole = " AND ".join(("own.id = recipient.message", *of_message))
        clauses.append(f"EXISTS (SELECT 1 FROM message AS own WHERE {whole})")
        values += more
    return " AND ".join(clauses), values


def recipient_condition(selection: Selection, states: tuple[RecipientState, ...]) -> Condition:
    """What is asked of the recipient."""
    chosen = [state for state in states if selection.state in (None, state)]
    clauses = [f"recipient.state IN ({', '.join(str(state.value) for state in chosen)})"]
    values: list[Any] = []
    if selection.message_id is not None:
        clauses.append(_OF_MESSAGE)
        values += [selection.message_id] * 3
    if selection.recipient is not None:
        clauses.append("recipient.path = ? COLLATE NOCASE")
        values.append(_in_brackets(selection.recipient))
        clauses.append("recipient.domain = ?")
        values.append(domain_key(_domain(selection.recipient)))
    if selection.route is not None:
        clauses.append("recipient.route = ?")
        values.append(selection.route)
    if selection.reason is not None:
        clauses.append(_REASON)
        values += [_lower(selection.reason)] * 2
    if selection.domain is not None:
        key = domain_key(selection.domain.removeprefix("@"))
        if selection.domain.startswith("@"):
            clauses.append("recipient.domain >= ? AND recipient.domain < ?")
            values += [key, key[:-1] + "/"]  # "/" comes right after "." : the range of all that begins with the key
        else:
            clauses.append("recipient.domain = ?")
            values.append(key)
    return clauses, values


def message_condition(selection: Selection, name: str) -> Condition:
    """What is asked of the message, whose table goes by `name`."""
    asked: list[tuple[str, Any]] = [
        ("path = ? COLLATE NOCASE", None if selection.sender is None else _in_brackets(selection.sender)),
        ("accepted_at >= ?", selection.accepted_from),
        ("accepted_at < ?", selection.accepted_before),
        ("size >= ?", selection.smallest),
        ("size < ?", selection.size_below),
    ]
    wanted = [(f"{name}.{clause}", value) for clause, value in asked if value is not None]
    return [clause for clause, _ in wanted], [value for _, value in wanted]


def asks_of_recipients(selection: Selection) -> bool:
    """Is there more in it than what is asked of the message?"""
    of_recipient = (selection.recipient, selection.domain, selection.route, selection.state, selection.reason)
    return selection.message_id is not None or any(asked is not None for asked in of_recipient)


def is_narrow(selection: Selection) -> bool:
    """Is there an index that finds the selected recipients without looking at the others?"""
    return not (selection.message_id is None and selection.recipient is None and selection.domain is None)


def matches(
    selection: Selection, message: QueuedMessage, queued: QueuedRecipient, states: tuple[RecipientState, ...]
) -> bool:
    """The same question about one recipient."""
    return (
        queued.state in states
        and selection.state in (None, queued.state)
        and _matches_message(selection, message)
        and (
            selection.recipient is None
            or _lower(_in_brackets(selection.recipient)) == _lower(str(queued.recipient.forward_path))
        )
        and selection.route in (None, str(queued.route))
        and _is_in_domain(selection.domain, queued.recipient.forward_path.domain)
        and (selection.reason is None or _says(queued.last_word, _lower(selection.reason)))
    )


def _matches_message(selection: Selection, message: QueuedMessage) -> bool:
    return (
        selection.message_id in (None, message.message_id)
        and (selection.sender is None or _lower(_in_brackets(selection.sender)) == _lower(str(message.reverse_path)))
        and (selection.accepted_from is None or message.accepted_at >= selection.accepted_from)
        and (selection.accepted_before is None or message.accepted_at < selection.accepted_before)
        and (selection.smallest is None or message.facts.size >= selection.smallest)
        and (selection.size_below is None or message.facts.size < selection.size_below)
    )


def _is_in_domain(wanted: str | None, domain: str | None) -> bool:
    if wanted is None:
        return True
    key, found = domain_key(wanted.removeprefix("@")), domain_key(domain)
    return found == key or (wanted.startswith("@") and found.startswith(key))


def _says(word: LastWord | None, reason: str) -> bool:
    return word is not None and (reason in _lower(word.reply) or reason in _lower(word.cause))


def _lower(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _in_brackets(address: str) -> str:
    return address if address.startswith("<") else f"<{address}>"


def _domain(address: str) -> str | None:
    _, at, domain = address.strip("<>").rpartition("@")
    return domain if at else None
