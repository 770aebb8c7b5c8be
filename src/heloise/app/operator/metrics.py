"""What a server, or a crew, measures of itself."""

from collections.abc import Sequence
from importlib.metadata import version

from heloise.observe.counts import Counts
from heloise.observe.exposition import Family, counted, family
from heloise.queue.model import Selection
from heloise.queue.queue import Queue

VERSION = version("heloise")  # looked up once: it is in a file


async def measured(counts: Counts, queues: Sequence[Queue], *, now: float, passports_dropped: int) -> list[Family]:
    """All families of one process. Raises StoreFault."""
    totals = dict.fromkeys(("waiting", "leased", "held"), 0)
    messages, oldest = 0, 0.0
    for queue in queues:
        found = await queue.counts()
        messages += found.messages
        for state in totals:
            totals[state] += getattr(found, state)
        for first in await queue.list(Selection(), limit=1):  # ids begin with their time
            oldest = max(oldest, now - first.accepted_at)
    return [
        *counted(counts),
        family("queue_messages", "gauge", "Messages in the queue.", [({}, messages)]),
        family(
            "queue_recipients",
            "gauge",
            "Recipients in the queue, by state.",
            [({"state": state}, number) for state, number in totals.items()],
        ),
        family(
            "queue_oldest_seconds",
            "gauge",
            "Age of the oldest message in the queue.",
            [({}, oldest)],
            put_together="largest",
        ),
        family("passport_dropped_total", "counter", "Entries of passports not written.", [({}, passports_dropped)]),
        family("processes", "gauge", "Processes that take mail.", [({}, 1)]),
        family("info", "gauge", "The version.", [({"version": VERSION}, 1)], put_together="largest"),
    ]
