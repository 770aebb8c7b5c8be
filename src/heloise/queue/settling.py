"""Settlements, many at once: one look at all they are about, one decision each, a statement for each sort of change.

With each step of a statement the thread of the writer lets go of the interpreter, and waits to have it back. So what a
commit settles is read as one row, whatever it is, and deleted, or put off, by few statements. Called in the writer's
lane.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import apsw

from heloise.queue.model import RecipientChange, RecipientState, Settlement
from heloise.queue.owed import owe, pay
from heloise.queue.portions import ROWS_AT_ONCE, portions
from heloise.queue.rows import NewRows, Row, write_last_word
from heloise.queue.statements import delete_messages, insert
from heloise.queue.tally import Tally

# As JSON, since each row would be a step of its own.
READ = (
    "SELECT json_group_array(json_array(recipient.id, state, message.id, message_id, pending, recipients, spool))"
    " FROM recipient NOT INDEXED CROSS JOIN message ON message.id = recipient.message"
    " WHERE recipient.id IN (SELECT value FROM json_each(?))"
)
_MESSAGE = (
    "SELECT json_group_array(json_array(0, 0, id, message_id, pending, recipients, spool)) FROM message"
    " WHERE message_id IN (SELECT value FROM json_each(?))"
)
_H = RecipientState.HELD


class ToSettle(NamedTuple):
    """A settlement, with its reports as rows."""

    settlement: Settlement
    reports: Sequence[NewRows]


class Settled(NamedTuple):
    """What was done: the spool file that is not needed any more, and what it adds to the counts."""

    spool: str | None
    tally: Tally


class _Message:
    """A message as it becomes."""

    __slots__ = ("changed", "id", "message_id", "pending", "recipients", "spool", "was_pending")

    def __init__(self, row: Sequence[Any]) -> None:
        self.id, self.message_id, self.pending, self.recipients, self.spool = row
        self.was_pending: int = self.pending
        self.changed: dict[int, Row] = {}


class _Found:
    """What the settlements of one transaction are about."""

    def __init__(self) -> None:
        self.states: dict[int, RecipientState] = {}
        self.message_of: dict[int, _Message] = {}
        self.messages: dict[str, _Message] = {}


def settle(connection: apsw.Connection, work: Sequence[ToSettle]) -> list[Settled]:
    """Apply attempts and take responsibility for their reports, at once.

    Each recipient is looked at first: its lease may have run out, and another attempt or an operator may have ended
    it meanwhile. What has ended stays so.
    """
    settled, together = list[Settled](), list[ToSettle]()
    for each in work:
        if each.settlement.owed or each.settlement.paid:
            # What is owed depends on rows as they are; and it is seldom.
            settled += _settle(connection, together) + _settle(connection, [each])
            together = []
        else:
            together.append(each)
    return settled + _settle(connection, together)


def _settle(connection: apsw.Connection, work: Sequence[ToSettle]) -> list[Settled]:
    if not work:
        return []
    found, reports = _look(connection, [each.settlement for each in work]), list[NewRows]()
    settled = [_apply(connection, found, each, reports) for each in work]
    insert(connection, reports)
    _write(connection, list(found.messages.values()))
    return settled


def _look(connection: apsw.Connection, settlements: Sequence[Settlement]) -> _Found:
    found = _Found()
    numbers = [change.recipient_id for settlement in settlements for change in settlement.changes]
    for number, state, *message in _rows(connection, READ, numbers):
        if message[1] not in found.messages:
            found.messages[message[1]] = _Message(message)
        found.message_of[number] = found.messages[message[1]]
        found.states[number] = RecipientState(state)
    # Whoever only tells what was owed has no change by which its message is found.
    others = [each.message_id for each in settlements if each.paid and each.message_id not in found.messages]
    for _, _, *message in _rows(connection, _MESSAGE, others):
        found.messages[message[1]] = _Message(message)
    return found


def _rows(connection: apsw.Connection, statement: str, keys: Sequence[int | str]) -> list[list[Any]]:
    """Of JSON, so each row is a list: what is compiled insists on it."""
    if not keys:
        return []
    rows: list[list[Any]] = json.loads(connection.execute(statement, (json.dumps(keys),)).get)
    return rows


def _apply(connection: apsw.Connection, found: _Found, work: ToSettle, reports: list[NewRows]) -> Settled:
    """Decide what becomes of one settlement. What is owed is written at once."""
    settlement, tally = work.settlement, Tally()
    message = found.messages.get(settlement.message_id)
    applied = [] if message is None else _applicable(found, message, settlement.changes, tally)
    paid = pay(connection, settlement.paid) if settlement.paid else None
    has_paid = paid is not None and paid.found > 0
    if applied or has_paid or not (settlement.changes or settlement.paid):
        reports += work.reports
        for rows in work.reports:
            tally.messages += 1
            tally.move(None, RecipientState.WAITING, len(rows.recipients))
    if message is None or not (applied or has_paid):
        return Settled(None, tally)
    states = {change.recipient_id: state for change, state in applied}
    owed = {debt.recipient_id: debt for debt in settlement.owed if debt.recipient_id in states}
    if paid is not None:
        message.pending -= paid.ended
    for change, state in applied:
        message.pending -= state.is_final and change.recipient_id not in owed
        message.changed[change.recipient_id] = _change_row(change, state)
    if message.pending <= 0:
        tally.messages -= 1
        return Settled(message.spool, tally)
    if owed:
        owe(connection, message.id, [(debt, states[each]) for each, debt in owed.items()])
    return Settled(None, tally)


def _applicable(
    found: _Found, message: _Message, changes: Sequence[RecipientChange], tally: Tally
) -> list[tuple[RecipientChange, RecipientState]]:
    """The changes of those that have not ended, each with the new state; one for each recipient."""
    if len(changes) > 1:
        changes = list({change.recipient_id: change for change in changes}.values())
    applied = []
    for change in changes:
        if found.message_of.get(change.recipient_id) is not message:
            continue
        old = found.states[change.recipient_id]
        if old.is_final:
            continue
        # An operator's hold outlives the attempt that was under way.
        new = _H if old is _H and not change.state.is_final else change.state
        found.states[change.recipient_id] = new
        tally.move(old, new)
        applied.append((change, new))
    return applied


def _change_row(change: RecipientChange, state: RecipientState) -> Row:
    return change.recipient_id, state.value, change.due, change.attempts, write_last_word(change.last_word)


def _write(connection: apsw.Connection, messages: Sequence[_Message]) -> None:
    gone = [message for message in messages if message.pending <= 0]
    left = [message for message in messages if message.pending > 0]
    if gone:
        delete_messages(connection, [message.id for message in gone])
    change_recipients(connection, [row for message in left for row in message.changed.values()])
    for message in left:
        if message.pending != message.was_pending:
            connection.execute("UPDATE message SET pending = ? WHERE id = ?", (message.pending, message.id))


def change_recipients(connection: apsw.Connection, rows: Sequence[Row]) -> None:
    """Rows are (id, state, due, attempts, last_word)."""
    for portion in portions(rows):
        connection.execute(change_statement(len(portion)), list(chain.from_iterable(portion)))


@lru_cache(maxsize=ROWS_AT_ONCE)
def change_statement(rows: int) -> str:
    """Changes so many recipients."""
    if rows == 1:
        return "UPDATE recipient SET state = ?2, due = ?3, attempts = ?4, last_word = ?5 WHERE id = ?1"
    values = ",".join(["(?,?,?,?,?)"] * rows)
    return (
        f"WITH new(number, state, due, attempts, last_word) AS (VALUES {values})"
        " UPDATE recipient SET state = new.state, due = new.due, attempts = new.attempts, last_word = new.last_word"
        " FROM new WHERE recipient.id = new.number"
    )
