"""What a SQLite store changes inside a transaction, a function each. Called in the writer's lane."""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import apsw

from heloise.mail.envelope import Recipient
from heloise.mail.ids import MessageId
from heloise.queue.model import (
    LastWord,
    QueuedMessage,
    RecipientState,
    Redirection,
    Selection,
    Touched,
)
from heloise.queue.portions import ROWS_AT_ONCE, portions
from heloise.queue.rows import (
    MESSAGE_COLUMNS,
    RECIPIENT_COLUMNS,
    SPOOL,
    NewRows,
    Row,
    read_message,
    write_last_word,
)
from heloise.queue.schema import domain_key
from heloise.queue.selecting import condition
from heloise.queue.tally import Tally

_MESSAGE_TABLE, _CONTENT_TABLE = f"message({MESSAGE_COLUMNS})", "content(message, octets)"
_RECIPIENT_TABLE = f"recipient({RECIPIENT_COLUMNS})"
# The planner has no statistics and would take the index of states and domains, and sort all that wait.
_DUE = "SELECT {} FROM recipient INDEXED BY recipient_due WHERE state = 0 AND due <= ? ORDER BY due, id LIMIT ?"
ALL_DUE, NUMBERS_DUE = _DUE.format(RECIPIENT_COLUMNS), _DUE.format("id")
# Else the planner would look at everybody who is in the state, by the index of states and domains.
_BY_NUMBER = "recipient NOT INDEXED"
SELECTED = "SELECT {} FROM recipient WHERE {} AND id > ? ORDER BY id LIMIT ?"
_RECIPIENT = f"SELECT {RECIPIENT_COLUMNS} FROM recipient WHERE id = ?"
_WHOLE_MESSAGE = (
    f"SELECT {MESSAGE_COLUMNS}, octets FROM message LEFT JOIN content ON content.message = message.id WHERE id = ?"
)

W, L, H = RecipientState.WAITING, RecipientState.LEASED, RecipientState.HELD

# What reading a record may raise. It is set aside then and never stops the server: an operator sees it as held.
UNREADABLE = (ValueError, TypeError, apsw.CorruptError)


class Stored(NamedTuple):
    """A message with its octets or the name of its spool file."""

    message: QueuedMessage
    octets: bytes | None
    spool: str | None


def insert(connection: apsw.Connection, messages: Sequence[NewRows]) -> None:
    """Take responsibility: the messages, their contents unless they are in the spool, their recipients."""
    insert_rows(connection, _MESSAGE_TABLE, [rows.message for rows in messages])
    insert_rows(connection, _CONTENT_TABLE, [rows.content for rows in messages if rows.content is not None])
    insert_rows(connection, _RECIPIENT_TABLE, [row for rows in messages for row in rows.recipients])


def insert_rows(connection: apsw.Connection, table: str, rows: Sequence[Row], *, verb: str = "INSERT") -> None:
    """Many rows a statement."""
    for portion in portions(rows):
        values = list(chain.from_iterable(portion))
        connection.execute(_insert_statement(verb, table, len(portion[0]), len(portion)), values)


@lru_cache(maxsize=4 * ROWS_AT_ONCE)
def _insert_statement(verb: str, table: str, columns: int, rows: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"{verb} INTO {table} VALUES {','.join([row] * rows)}"


def lease(
    connection: apsw.Connection, *, now: float, until: float, limit: int, expired: Sequence[int]
) -> tuple[list[Stored], Tally]:
    """Lease what is due, that of `expired` leases included."""
    tally = Tally()
    for recipient in expired:
        # It is due since its lease ran out; a lease that was given up before its end is over now.
        connection.execute(
            "UPDATE recipient SET state = 0, due = min(due, ?) WHERE id = ? AND state = 1", (now, recipient)
        )
        tally.move(L, W, connection.changes())
    rows = _readable(connection, ALL_DUE, NUMBERS_DUE, (now, limit), tally)
    _mark_leased(connection, rows, until, tally)
    return _by_message(connection, [(*row[:6], L.value, until, *row[8:]) for row in rows], tally), tally


def lease_selected(
    connection: apsw.Connection, selection: Selection, *, until: float, limit: int, after: int
) -> tuple[list[Stored], Tally]:
    """Lease what waits and is selected, due or not; the time at which it would have been due stays in what is given."""
    tally = Tally()
    where, chosen = condition(selection, (W,))
    values = (*chosen, after, limit)
    whole, numbers = SELECTED.format(RECIPIENT_COLUMNS, where), SELECTED.format("id", where)
    rows = _readable(connection, whole, numbers, values, tally)
    _mark_leased(connection, rows, until, tally)
    return _by_message(connection, [(*row[:6], L.value, *row[7:]) for row in rows], tally), tally


def _mark_leased(connection: apsw.Connection, rows: Sequence[Row], until: float, tally: Tally) -> None:
    connection.executemany("UPDATE recipient SET state = 1, due = ? WHERE id = ?", [(until, row[0]) for row in rows])
    tally.move(W, L, len(rows))


def _by_message(connection: apsw.Connection, rows: Sequence[Row], tally: Tally) -> list[Stored]:
    by_message: dict[int, list[Row]] = {}
    for row in rows:
        by_message.setdefault(row[1], []).append(row)
    found = [_leased(connection, number, sorted(group), tally) for number, group in by_message.items()]
    return [stored for stored in found if stored is not None]


def _readable(
    connection: apsw.Connection, statement: str, of_numbers: str, values: Sequence[Any], tally: Tally
) -> list[Row]:
    """The rows of recipients; those that can not be read are set aside. `of_numbers` finds the numbers of the same."""
    try:
        rows: list[Row] = connection.execute(statement, values).fetchall()
    except UNREADABLE:  # one of them; which one?
        numbers: list[Row] = connection.execute(of_numbers, values).fetchall()
        rows = []
        for number in numbers:
            try:
                rows += connection.execute(_RECIPIENT, number).fetchall()
            except UNREADABLE:
                _set_aside(connection, [number[0]], W, tally)
    return rows


def _leased(connection: apsw.Connection, number: int, recipients: list[Row], tally: Tally) -> Stored | None:
    try:
        row: Row | None = connection.execute(_WHOLE_MESSAGE, (number,)).get
        if row is None or (row[-1] is None and row[SPOOL] is None):
            raise ValueError("recipients without a message, or a message without content")
        return Stored(read_message(row[:-1], recipients), row[-1], row[SPOOL])
    except UNREADABLE:
        _set_aside(connection, [each[0] for each in recipients], L, tally)
        return None


def _set_aside(connection: apsw.Connection, recipients: Sequence[int], state: RecipientState, tally: Tally) -> None:
    connection.executemany("UPDATE recipient SET state = 4 WHERE id = ?", [(number,) for number in recipients])
    tally.move(state, H, len(recipients))


def delete_messages(connection: apsw.Connection, numbers: Iterable[int]) -> None:
    """With all that belongs to them, see `heloise.queue.schema`."""
    connection.execute("DELETE FROM message WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([*numbers]),))


class Changed(NamedTuple):
    """What an operator's word has done: to whom, which spool files nobody needs now, what it adds to the counts."""

    touched: list[Touched]
    spool: list[str]
    tally: Tally


def change(
    connection: apsw.Connection,
    numbers: Sequence[int],
    *,
    old: RecipientState,
    new: RecipientState,
    due: float | None,
) -> Changed:
    """`old` → `new` for those of these that are still `old`; `due` None keeps the time."""
    touched = _touched(connection, numbers, (old,))
    connection.execute(
        f"UPDATE {_BY_NUMBER} SET state = ?, due = coalesce(?, due)"
        " WHERE id IN (SELECT value FROM json_each(?)) AND state = ?",
        (new.value, due, json.dumps(numbers), old.value),
    )
    tally = Tally()
    tally.move(old, new, connection.changes())
    return Changed(touched, [], tally)


def redirect(connection: apsw.Connection, numbers: Sequence[int], *, redirection: Redirection, due: float) -> Changed:
    """Another way for those of these that wait or are held, due then."""
    touched = _touched(connection, numbers, (W, H))
    rows: list[Row] = connection.execute(
        f"SELECT id, path, parameters, state FROM {_BY_NUMBER}"
        " WHERE id IN (SELECT value FROM json_each(?)) AND state IN (0, 4)",
        (json.dumps(numbers),),
    ).fetchall()
    tally, changes = Tally(), list[Row]()
    for number, path, parameters, state in rows:
        recipient = redirection.apply(Recipient.parse(f"{path} {parameters}".rstrip().encode()))
        domain = domain_key(recipient.forward_path.domain)
        new = (str(recipient.forward_path), str(recipient.parameters), str(redirection.route), domain)
        changes.append((*new, due, number))
        tally.move(RecipientState(state), W)
    connection.executemany(
        "UPDATE recipient SET path = ?, parameters = ?, route = ?, domain = ?, state = 0, due = ? WHERE id = ?",
        changes,
    )
    return Changed(touched, [], tally)


def remove(connection: apsw.Connection, numbers: Sequence[int]) -> Changed:
    """Delete those of these that wait or are held, and messages left without recipients."""
    touched = _touched(connection, numbers, (W, H))
    tally, gone = Tally(), dict[int, int]()
    deleted: list[Row] = connection.execute(
        f"DELETE FROM {_BY_NUMBER} WHERE id IN (SELECT value FROM json_each(?)) AND state IN (0, 4)"
        " RETURNING message, state",
        (json.dumps(numbers),),
    ).fetchall()
    for number, state in deleted:
        gone[number] = gone.get(number, 0) + 1
        tally.move(RecipientState(state), None)
    spool, empty = list[str](), list[int]()
    for number, count in gone.items():
        rows: list[Row] = connection.execute(
            "UPDATE message SET pending = pending - ? WHERE id = ? RETURNING pending, spool", (count, number)
        ).fetchall()
        for pending, name in rows:
            if pending <= 0:
                empty.append(number)
                spool += [name] if name is not None else []
    delete_messages(connection, empty)
    tally.messages -= len(empty)
    return Changed(touched, spool, tally)


def _touched(connection: apsw.Connection, numbers: Sequence[int], states: tuple[RecipientState, ...]) -> list[Touched]:
    """Those of these that are in one of `states`, as they are before they are changed. As octets: what can not be read
    is there all the same, and can be held and removed."""
    rows: list[Row] = connection.execute(
        "SELECT CAST(message_id AS BLOB), CAST(recipient.path AS BLOB)"
        f" FROM {_BY_NUMBER} LEFT JOIN message ON message.id = recipient.message"
        f" WHERE recipient.id IN (SELECT value FROM json_each(?)) AND state IN ({_listed(states)})",
        (json.dumps(numbers),),
    ).fetchall()
    return [Touched(MessageId(_text(name)), _text(path)) for name, path in rows]


def _text(octets: bytes | None) -> str:
    return (octets or b"").decode(errors="replace")


def _listed(states: tuple[RecipientState, ...]) -> str:
    return ", ".join(str(state.value) for state in states)


def give_leases_back(connection: apsw.Connection, now: float) -> None:
    """At open: whoever leased is dead. A state that nobody knows is set aside."""
    connection.execute("UPDATE recipient SET state = 0, due = ? WHERE state = 1", (now,))
    connection.execute("UPDATE recipient SET state = 4 WHERE state < 0 OR state > 4")


def hold_without_content(connection: apsw.Connection, spool: Iterable[str], word: LastWord) -> None:
    """At open: these spool files are gone, and `word` is said of their recipients."""
    connection.executemany(
        "UPDATE recipient SET state = 4, last_word = ? WHERE state = 0"
        " AND message IN (SELECT id FROM message WHERE spool = ?)",
        [(write_last_word(word), name) for name in spool],
    )
