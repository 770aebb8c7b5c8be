"""What the sending programs have in common: their arguments, the message, and what they tell at the end.

Arguments: PORT MESSAGES SESSIONS SIZE ONE_PER_CONNECTION. They print {"seconds": …, "cpu": …}, both from the first
connection to the end of the last.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

PORT, MESSAGES, SESSIONS, SIZE, ONE_PER_CONNECTION = map(int, sys.argv[1:])
HOST = "127.0.0.1"
SENDER = "sender@client.test"
RECIPIENT = "user@example.org"


def message() -> bytes:
    """A message of the size wanted."""
    header = b"From: <sender@client.test>\r\nTo: <user@example.org>\r\nSubject: load\r\n\r\n"
    line = b"x" * 76 + b"\r\n"
    body = line * ((SIZE - len(header)) // len(line))
    return header + body


def shares() -> list[int]:
    """How many messages each session sends."""
    return [MESSAGES // SESSIONS + (number < MESSAGES % SESSIONS) for number in range(SESSIONS)]


@contextmanager
def measured() -> Iterator[None]:
    """The block is measured, and told of."""
    began, processor = time.monotonic(), time.process_time()
    yield
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - processor}))
