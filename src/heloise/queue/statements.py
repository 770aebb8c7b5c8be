"""What a SQLite store does inside a transaction, a function each. Called in the writer's lane or in the reader's."""

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from heloise.mail.ids import MessageId
from heloise.queue.model import (
    NewMessage,
    QueueCounts,
    QueuedMessage,
    RecipientChange,
    RecipientState,
    Selection,
)
from heloise.queue.rows import (
    MESSAGE_COLUMNS,
    RECIPIENT_COLUMNS,
    Row,
    message_row,
    read_message,
    recipient_rows,
    unreadable_message,
    write_last_word,
)
from heloise.queue.selecting import OPEN, condition

_INSERT_MESSAGE = f"INSERT INTO message({MESSAGE_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?)"
_INSERT_CONTENT = "INSERT INTO content(message, octets) VALUES(?,?)"
_INSERT_RECIPIENT = f"INSERT INTO recipient({RECIPIENT_COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?)"
_OPEN_RECIPIENTS = "SELECT id FROM recipient WHERE message=? AND state IN (0, 1, 4)"
_FINAL = (RecipientState.DELIVERED, RecipientState.FAILED)


def insert(connection: apsw.Connection, message: NewMessage, number: int, queued: QueuedMessage) -> None:
    """Take responsibility: the message, its content unless it is in the spool, its recipients."""
    connection.execute(_INSERT_MESSAGE, message_row(message, number))
    if message.octets is not None:
        connection.execute(_INSERT_CONTENT, (number, message.octets))
    connection.executemany(_INSERT_RECIPIENT, recipient_rows(queued.recipients, number))


def lease(
    connection: apsw.Connection, *, now: float, until: float, limit: int, expired: Sequence[int]
) -> list[tuple[QueuedMessage, bytes | None, str | None]]:
    """Lease what is due; with each message its octets or the name of its spool file."""
    if expired:
        connection.executemany(
            "UPDATE recipient SET state=0, due=? WHERE id=? AND state=1", [(now, each) for each in expired]
        )
    rows: list[Row] = list(
        connection.execute(
            f"SELECT {RECIPIENT_COLUMNS} FROM recipient WHERE state=0 AND due<=? ORDER BY due LIMIT ?", (now, limit)
        )
    )
    connection.executemany("UPDATE recipient SET state=1, due=? WHERE id=?", [(until, row[0]) for row in rows])
    by_message: dict[int, list[Row]] = {}
    for row in rows:
        by_message.setdefault(row[1], []).append((*row[:6], RecipientState.LEASED.value, until, *row[8:]))
    return [found for number, group in by_message.items() if (found := _leased(connection, number, group)) is not None]


def _leased(
    connection: apsw.Connection, number: int, recipients: list[Row]
) -> tuple[QueuedMessage, bytes | None, str | None] | None:
    row = connection.execute(
        f"SELECT {MESSAGE_COLUMNS}, octets FROM message LEFT JOIN content ON content.message=message.id WHERE id=?",
        (number,),
    ).get
    try:
        if row is None:
            raise ValueError("recipients without a message")
        return read_message(row[:11], recipients), row[11], row[10]
    except (ValueError, TypeError):
        # A record that can not be read is set aside, and never stops the server: an operator sees it as held.
        connection.executemany("UPDATE recipient SET state=4 WHERE id=?", [(each[0],) for each in recipients])
        return None


def settle(
    connection: apsw.Connection,
    message_id: MessageId,
    changes: Sequence[RecipientChange],
    reports: Sequence[tuple[NewMessage, int, QueuedMessage]],
) -> str | None:
    """Apply an attempt and take responsibility for its reports, at once; the spool file that is not needed any more."""
    for report in reports:
        insert(connection, *report)
    found = connection.execute("SELECT id, spool FROM message WHERE message_id=?", (message_id,)).get
    if found is None:
        return None
    number, spool = found
    ended = {change.recipient_id for change in changes if change.state in _FINAL}
    # Not counted but looked at: an operator may have removed a recipient meanwhile.
    still_open = {each for (each,) in connection.execute(_OPEN_RECIPIENTS, (number,)).fetchall()}
    if still_open <= ended:
        _delete_messages(connection, [number])
        return str(spool) if spool is not None else None
    connection.executemany(
        "UPDATE recipient SET state=?, due=?, attempts=?, last_word=? WHERE id=? AND message=?",
        [
            (each.state.value, each.due, each.attempts, write_last_word(each.last_word), each.recipient_id, number)
            for each in changes
        ],
    )
    return None


def _delete_messages(connection: apsw.Connection, numbers: Iterable[int]) -> None:
    keys = [(number,) for number in numbers]
    connection.executemany("DELETE FROM recipient WHERE message=?", keys)
    connection.executemany("DELETE FROM content WHERE message=?", keys)
    connection.executemany("DELETE FROM message WHERE id=?", keys)


def change(
    connection: apsw.Connection, selection: Selection, old: RecipientState, new: RecipientState, due: float | None
) -> int:
    """`old` → `new` for the selected; `due` None keeps the time. The number of recipients."""
    where, values = condition(selection, (old,))
    if due is None:
        connection.execute(f"UPDATE recipient SET state=? WHERE {where}", [new.value, *values])
    else:
        connection.execute(f"UPDATE recipient SET state=?, due=? WHERE {where}", [new.value, due, *values])
    return connection.changes()


def remove(connection: apsw.Connection, selection: Selection) -> tuple[int, list[str]]:
    """Delete the selected that wait or are held, and messages left without recipients; their spool files."""
    where, values = condition(selection, (RecipientState.WAITING, RecipientState.HELD))
    touched = [
        number
        for (number,) in connection.execute(f"DELETE FROM recipient WHERE {where} RETURNING message", values).fetchall()
    ]
    spool: list[str] = []
    for number in set(touched):
        if not connection.execute(_OPEN_RECIPIENTS, (number,)).fetchall():
            name = connection.execute("SELECT spool FROM message WHERE id=?", (number,)).get
            spool += [str(name)] if name is not None else []
            _delete_messages(connection, [int(number)])  # type: ignore[arg-type]
    return len(touched), spool


def next_due(connection: apsw.Connection) -> float | None:
    """When the next WAITING recipient is due."""
    due: float | None = connection.execute("SELECT min(due) FROM recipient WHERE state=0").get
    return due


def list_messages(
    connection: apsw.Connection, selection: Selection, *, limit: int, after: MessageId | None
) -> tuple[QueuedMessage, ...]:
    """A page of messages with all their recipients."""
    values: list[Any] = [after or ""]
    chosen = ""
    if selection != Selection():
        states = OPEN if selection.state is None or selection.state in OPEN else (selection.state,)
        where, more = condition(selection, states)
        chosen = f"AND id IN (SELECT message FROM recipient WHERE {where})"
        values += more
    rows = connection.execute(
        f"SELECT {MESSAGE_COLUMNS} FROM message WHERE message_id > ? {chosen} ORDER BY message_id LIMIT ?",
        [*values, limit],
    ).fetchall()
    return tuple(_listed(connection, row) for row in rows)


def _listed(connection: apsw.Connection, row: Row) -> QueuedMessage:
    recipients = connection.execute(
        f"SELECT {RECIPIENT_COLUMNS} FROM recipient WHERE message=? ORDER BY id", (row[0],)
    ).fetchall()
    try:
        return read_message(row, recipients)
    except (ValueError, TypeError):
        return unreadable_message(row)


def content(
    connection: apsw.Connection, message_id: MessageId
) -> tuple[QueuedMessage, bytes | None, str | None] | None:
    """A message with its octets or the name of its spool file."""
    row = connection.execute(
        f"SELECT {MESSAGE_COLUMNS}, octets FROM message LEFT JOIN content ON content.message=message.id "
        "WHERE message_id=?",
        (message_id,),
    ).get
    if row is None:
        return None
    return unreadable_message(row[:11]), row[11], row[10]


def count(connection: apsw.Connection, selection: Selection) -> int:
    """How many selected recipients have not ended."""
    where, values = condition(selection, OPEN)
    return int(connection.execute(f"SELECT count(*) FROM recipient WHERE {where}", values).get)


def counts(connection: apsw.Connection, leased: int) -> QueueCounts:
    """The whole queue in four numbers, from the indexes; the owner knows how many are leased."""
    messages = int(connection.execute("SELECT count(*) FROM message").get)
    waiting, held = (
        int(connection.execute(f"SELECT count(*) FROM recipient WHERE state={state}").get) for state in (0, 4)
    )
    return QueueCounts(messages=messages, waiting=waiting, leased=leased, held=held)


def give_leases_back(connection: apsw.Connection, now: float) -> None:
    """At open: whoever leased is dead."""
    connection.execute("UPDATE recipient SET state=0, due=? WHERE state=1", (now,))


def next_numbers(connection: apsw.Connection) -> tuple[int, int]:
    """The first free row ids of message and recipient."""
    message = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM message").get
    recipient = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM recipient").get
    return int(message), int(recipient)


def spool_names(connection: apsw.Connection) -> set[str]:
    """The spool files that are needed."""
    return {name for (name,) in connection.execute("SELECT spool FROM message WHERE spool IS NOT NULL")}
