"""What a SQLite store is asked, a function each. Called in the reader's lane; nothing is changed."""

from typing import Any

import apsw

from heloise.mail.ids import MessageId
from heloise.queue.model import QueuedMessage, RecipientState, Selection
from heloise.queue.rows import (
    MESSAGE_COLUMNS,
    RECIPIENT_COLUMNS,
    Row,
    read_message,
    unreadable_message,
)
from heloise.queue.selecting import (
    OPEN,
    asks_of_recipients,
    condition,
    is_narrow,
    message_condition,
    recipient_condition,
)
from heloise.queue.statements import UNREADABLE, Stored
from heloise.queue.tally import Tally

_MESSAGE = f"SELECT {MESSAGE_COLUMNS} FROM message WHERE id = ?"
_UNREADABLE = "SELECT CAST(message_id AS BLOB), size, accepted_at FROM message WHERE id = ?"
# The planner has no statistics and would take the index of states and domains, in which all that wait are equal.
NEXT_DUE = "SELECT min(due) FROM recipient INDEXED BY recipient_due WHERE state = 0"
_RECIPIENTS = f"SELECT {RECIPIENT_COLUMNS} FROM recipient WHERE id >= ?1 AND id < ?1 + ?2 AND message = ?1 ORDER BY id"


def next_due(connection: apsw.Connection) -> float | None:
    """When the next WAITING recipient is due."""
    due: float | None = connection.execute(NEXT_DUE).get
    return due


def list_messages(
    connection: apsw.Connection, selection: Selection, *, limit: int, after: MessageId | None
) -> tuple[QueuedMessage, ...]:
    """A page of messages with all their recipients."""
    rows: list[Row] = connection.execute(*listing(selection, limit=limit, after=after)).fetchall()
    return tuple(_listed(connection, *row) for row in rows)


def listing(selection: Selection, *, limit: int, after: MessageId | None) -> tuple[str, list[Any]]:
    """The statement that finds the numbers and the counts of recipients of a page of messages, and its values."""
    values: list[Any] = [after or ""]
    clauses, more = message_condition(selection, "message")
    values += more
    if asks_of_recipients(selection):
        # Few recipients: find them, then their messages. Perhaps all of a million: look at each message of the page.
        states = OPEN if selection.state is None else (selection.state,)
        of_recipient, more = recipient_condition(selection, states)
        where = " AND ".join(of_recipient)
        clauses.append(
            f"id IN (SELECT message FROM recipient WHERE {where})"
            if is_narrow(selection)
            else f"EXISTS (SELECT 1 FROM recipient NOT INDEXED WHERE recipient.id >= message.id"
            f" AND recipient.id < message.id + message.recipients AND recipient.message = message.id AND {where})"
        )
        values += more
    chosen = "".join(f" AND {clause}" for clause in clauses)
    statement = f"SELECT id, recipients FROM message WHERE message_id > ?{chosen} ORDER BY message_id LIMIT ?"
    return statement, [*values, limit]


def _listed(connection: apsw.Connection, number: int, recipients: int) -> QueuedMessage:
    try:
        row: Row = connection.execute(_MESSAGE, (number,)).get
        return read_message(row, connection.execute(_RECIPIENTS, (number, recipients)).fetchall())
    except UNREADABLE:
        name, size, accepted_at = connection.execute(_UNREADABLE, (number,)).get
        return unreadable_message(name.decode(errors="replace"), size, accepted_at)


def content(connection: apsw.Connection, message_id: MessageId) -> Stored | None:
    """A message (only its size counts here) with its octets or the name of its spool file."""
    row: Row | None = connection.execute(
        "SELECT size, accepted_at, octets, spool FROM message LEFT JOIN content ON content.message = message.id "
        "WHERE message_id = ?",
        (message_id,),
    ).get
    return None if row is None else Stored(unreadable_message(message_id, row[0], row[1]), row[2], row[3])


def count(connection: apsw.Connection, selection: Selection) -> int:
    """How many selected recipients have not ended."""
    where, values = condition(selection, OPEN)
    return int(connection.execute(f"SELECT count(*) FROM recipient WHERE {where}", values).get)


def count_messages(connection: apsw.Connection, selection: Selection, *, limit: int) -> int:
    """How many messages have a selected recipient that has not ended, up to `limit`."""
    where, values = condition(selection, OPEN)
    chosen = f"SELECT DISTINCT message FROM recipient WHERE {where} LIMIT ?"
    return int(connection.execute(f"SELECT count(*) FROM ({chosen})", [*values, limit]).get)


def selected(connection: apsw.Connection, selection: Selection, states: tuple[RecipientState, ...]) -> list[int]:
    """The numbers of the selected recipients that are in one of these states."""
    where, values = condition(selection, states)
    rows: list[Row] = connection.execute(f"SELECT id FROM recipient WHERE {where}", values).fetchall()
    return [number for (number,) in rows]


def tally(connection: apsw.Connection) -> Tally:
    """Count everything; done once, at open."""
    found = Tally(int(connection.execute("SELECT count(*) FROM message").get))
    rows: list[Row] = connection.execute("SELECT state, count(*) FROM recipient GROUP BY state").fetchall()
    for state, number in rows:
        found.move(None, RecipientState(state), number)
    return found


def next_number(connection: apsw.Connection) -> int:
    """The first free number for a recipient, and so for a message."""
    number = connection.execute("SELECT id + recipients FROM message ORDER BY id DESC LIMIT 1").get
    return 1 if number is None else int(number)


def spool_names(connection: apsw.Connection) -> set[str]:
    """The spool files that are needed."""
    rows: list[Row] = connection.execute("SELECT spool FROM message WHERE spool IS NOT NULL").fetchall()
    return {name for (name,) in rows}
