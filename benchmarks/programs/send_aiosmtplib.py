"""aiosmtplib: a task for each connection. Arguments: see telling.py."""

import asyncio

import aiosmtplib  # type: ignore[import-not-found]

from benchmarks.programs.telling import HOST, ONE_PER_CONNECTION, PORT, RECIPIENT, SENDER, measured, message, shares

MESSAGE = message()


async def send(count: int) -> None:
    """Send so many, one after the other."""
    for _ in range(count if ONE_PER_CONNECTION else 1):
        client = aiosmtplib.SMTP(hostname=HOST, port=PORT, local_hostname="client.test", start_tls=False, timeout=60)
        async with client as session:
            for _ in range(1 if ONE_PER_CONNECTION else count):
                await session.sendmail(SENDER, [RECIPIENT], MESSAGE)


async def main() -> None:
    """All sessions."""
    with measured():
        await asyncio.gather(*map(send, shares()))


if __name__ == "__main__":
    asyncio.run(main())
