"""Passing over recipients that are due: put off before they are leased, many at once. Called in the writer's lane.

A recipient that was leased to be given back costs a read of its message and its content, an attempt that is none, and a
settlement; one that is passed over costs a look and a part of one statement.
"""

import json
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import apsw

from heloise.queue.model import DueRecipient, PassingOver
from heloise.queue.portions import ROWS_AT_ONCE, portions
from heloise.queue.rows import Row

_LEAST, _FOR_EACH, _MOST = 100, 20, 1000  # looked at: nobody's commit waits long for it, nor costs a lease much more
# As one row of JSON, since each row would be a step of its own (see settling.py).
LOOK = (
    "SELECT json_group_array(json_array(id, route, attempts, said_at, accepted_at, from_nobody, has_hints)) FROM ("
    "SELECT recipient.id AS id, route, attempts, coalesce(json_extract(last_word, '$[0]'), 0) AS said_at, accepted_at,"
    " message.path = '<>' AS from_nobody, hints IS NOT NULL AS has_hints"
    " FROM recipient INDEXED BY recipient_due CROSS JOIN message ON message.id = recipient.message"
    " WHERE state = 0 AND due <= ? ORDER BY due, recipient.id LIMIT ?)"
)


class PassedOver(NamedTuple):
    """How many were put off, the route and the new time of each, and how many were looked at that are still due; that
    is None when nobody was looked at."""

    put_off: list[tuple[str, float]]
    left: int | None


def pass_over(connection: apsw.Connection, passing_over: PassingOver, now: float, limit: int) -> PassedOver:
    """Put off whoever is due and passed over, of the first of them; `limit` may be leased then.

    When a record among them can not be read, nobody is: the lease will find out which, and set it aside.
    """
    try:
        found: list[list[Any]] = json.loads(connection.execute(LOOK, (now, min(_LEAST + _FOR_EACH * limit, _MOST))).get)
    except (ValueError, apsw.SQLError, apsw.CorruptError):
        return PassedOver([], None)
    put_off: list[tuple[str, float]] = []
    changes: list[Row] = []
    for number, route, attempts, said_at, accepted_at, from_nobody, has_hints in found:
        # SQLite's truth is 0 and 1, and JSON has one kind of number; compiled code takes neither for the other.
        due = DueRecipient(
            number, route, attempts, float(said_at), float(accepted_at), bool(from_nobody), bool(has_hints)
        )
        until = passing_over.until(due)
        if until is not None:
            put_off.append((due.route, until))
            changes.append((due.id, until))
    for portion in portions(changes):
        connection.execute(postponement(len(portion)), list(chain.from_iterable(portion)))
    return PassedOver(put_off, len(found) - len(put_off))


@lru_cache(maxsize=ROWS_AT_ONCE)
def postponement(rows: int) -> str:
    """Changes when so many recipients are due."""
    places = ",".join(["(?,?)"] * rows)
    return (
        f"WITH new(number, due) AS (VALUES {places})"
        " UPDATE recipient SET due = new.due FROM new WHERE recipient.id = new.number"
    )
