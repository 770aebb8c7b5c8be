"""The standard library's smtplib: a thread for each connection beyond the first. Arguments: see telling.py."""

import smtplib
from concurrent.futures import ThreadPoolExecutor

from benchmarks.programs.telling import (
    HOST,
    ONE_PER_CONNECTION,
    PORT,
    RECIPIENT,
    SENDER,
    SESSIONS,
    measured,
    message,
    shares,
)

MESSAGE = message()


def send(count: int) -> None:
    """Send so many, one after the other."""
    for _ in range(count if ONE_PER_CONNECTION else 1):
        with smtplib.SMTP(HOST, PORT, local_hostname="client.test", timeout=60) as session:
            for _ in range(1 if ONE_PER_CONNECTION else count):
                session.sendmail(SENDER, [RECIPIENT], MESSAGE)


if __name__ == "__main__":
    with measured():
        if SESSIONS == 1:
            send(shares()[0])
        else:
            with ThreadPoolExecutor(SESSIONS) as pool:
                list(pool.map(send, shares()))
