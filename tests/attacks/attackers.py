"""Those who attack: each a coroutine that gives what it was answered, by the first word of each reply, and then ends.

They come from addresses in 127.0.0.0/8, so that limits for each client can be seen to hold, and to hold for them alone.
"""

import asyncio
import base64
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

PATIENCE = 60.0  # seconds for any one reply


@dataclass(slots=True)
class Attacker:
    """One connection. `codes` counts the replies, also those of others that share it."""

    port: int
    codes: Counter[str]
    address: str = "127.0.0.1"
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)

    async def connect(self) -> str:
        """Connect and hear the greeting; "" when there was none."""
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.address, 0), limit=1 << 20
        )
        return await self.hear()

    async def hear(self) -> str:
        """The last line of the next reply; "" when the server has hung up."""
        line = b""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    line = await self.reader.readline()
                    if line[3:4] != b"-":
                        break
        except (ConnectionError, TimeoutError):
            line = b""
        self.codes[line[:3].decode() or "gone"] += 1
        return line.decode("utf-8", "replace").rstrip()

    async def say(self, octets: bytes) -> str:
        """Say a line, hear the reply."""
        self.write(octets + b"\r\n")
        return await self.hear()

    def write(self, octets: bytes) -> None:
        """Say something, and do not listen."""
        if not self.writer.is_closing():
            self.writer.write(octets)

    async def drain(self) -> bool:
        """Wait for room; False when the server has hung up."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.drain()
        except (ConnectionError, TimeoutError):
            return False
        return not self.writer.is_closing()

    async def swallow(self) -> None:
        """Hear all there is, until the server hangs up or says nothing for a while; replies are counted by lines."""
        with suppress(ConnectionError, TimeoutError):
            while octets := await asyncio.wait_for(self.reader.read(65536), 2.0):
                for line in octets.split(b"\n"):
                    if line[3:4] == b" ":
                        self.codes[line[:3].decode("latin-1")] += 1

    def leave(self) -> None:
        """At once."""
        self.writer.transport.abort()


def addresses(count: int) -> Callable[[int], str]:
    """So many of them, in turn."""
    return lambda number: f"127.{1 + number % count // 250}.{number % count % 250 + 1}.1"


Attack = Callable[[int, int, Counter[str]], Awaitable[None]]


async def connections(port: int, count: int, codes: Counter[str]) -> None:
    """As many connections as there can be, held open until all have been tried."""
    gate, from_where = asyncio.Semaphore(200), addresses(20)
    held: list[Attacker] = []

    async def one(number: int) -> None:
        async with gate:
            attacker = Attacker(port, codes, from_where(number))
            try:
                await attacker.connect()
            except OSError:
                codes["refused"] += 1
                return
            held.append(attacker)

    await asyncio.gather(*[one(number) for number in range(count)])
    for attacker in held:
        attacker.leave()


async def slow_senders(port: int, count: int, codes: Counter[str]) -> None:
    """An octet every quarter of a second: half of them of a command, half of a message. Until the server hangs up."""

    async def one(number: int) -> None:
        attacker = Attacker(port, codes)
        await attacker.connect()
        octets = b"x"
        if number % 2:
            await _begin(attacker)
            octets = b"x\r\n"
        ending = asyncio.ensure_future(attacker.hear())
        while not ending.done():
            attacker.write(octets)
            await asyncio.wait({ending}, timeout=0.25)
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def endless_lines(port: int, count: int, codes: Counter[str]) -> None:
    """Megabytes without an end of line, as a command and as a header."""

    async def one(number: int) -> None:
        attacker = Attacker(port, codes)
        await attacker.connect()
        if not number % 2:
            # More of it would only make the kernel throw away our last reply.
            attacker.write(b"x" * 70_000)
            if (await attacker.hear())[:3] == "500":
                await attacker.hear()
            attacker.leave()
            return
        await _begin(attacker)
        attacker.write(b"Subject: ")
        for _ in range(64):
            attacker.write(b"x" * 65536)
            if not await attacker.drain():
                break
        attacker.write(b"\r\n.\r\n")
        await attacker.hear()
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def endless_recipients(port: int, count: int, codes: Counter[str]) -> None:
    """As many recipients as can be said in one transaction, all pipelined: known ones, then unknown ones."""
    attacker = Attacker(port, codes)
    await attacker.connect()
    await attacker.say(b"EHLO attacker.test")
    await attacker.say(b"MAIL FROM:<>")
    for start in range(0, count, 100):
        names = [b"alice+%d" % (start + number) for number in range(100)]
        attacker.write(b"".join([b"RCPT TO:<%s@here.test>\r\n" % name for name in names]))
        for _ in names:
            if not await attacker.hear():
                return
    for number in range(40):
        if not await attacker.say(b"RCPT TO:<nobody%d@here.test>" % number):
            break
    attacker.leave()


async def memory_bombs(port: int, count: int, codes: Counter[str]) -> None:
    """Messages of a few megabytes, sent and never ended, and then some more of it, from as many addresses as it takes
    to have all of them at once."""
    from_where = addresses(max(1, count // 75))

    async def one(number: int) -> None:
        attacker = Attacker(port, codes, from_where(number))
        if (await attacker.connect())[:3] == "220":
            await _begin(attacker)
            line = b"X-Bomb-%d: " % number + b"x" * 900 + b"\r\n"
            for _ in range(64):
                attacker.write(line * 64)
                if not await attacker.drain():
                    break
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def guesses(port: int, count: int, codes: Counter[str]) -> None:
    """Passwords for one user, in as many sessions as it takes."""
    attacker: Attacker | None = None
    for number in range(count):
        if attacker is None:
            attacker = Attacker(port, codes)
            if (await attacker.connect())[:3] != "220":
                break
            await attacker.say(b"EHLO attacker.test")
        secret = base64.b64encode(b"\0alice\0guess%d" % number)
        if (await attacker.say(b"AUTH PLAIN " + secret))[:3] in ("421", ""):
            attacker = None
    if attacker is not None:
        attacker.leave()


async def huge_chunks(port: int, count: int, codes: Counter[str]) -> None:
    """BDAT of sizes that nobody has."""
    for size in (b"99999999999", b"9223372036854775807", b"9" * 30, b"-1", b"0x10"):
        for _ in range(max(1, count // 5)):
            attacker = Attacker(port, codes)
            await attacker.connect()
            await attacker.say(b"EHLO attacker.test")
            await attacker.say(b"MAIL FROM:<>")
            await attacker.say(b"RCPT TO:<alice@here.test>")
            attacker.write(b"BDAT " + size + b" LAST\r\n" + b"x" * 65536)
            if size.isdigit() and len(size) < 30:
                attacker.leave()  # its end will never come
            else:
                await attacker.hear()
                attacker.leave()


async def floods(port: int, count: int, codes: Counter[str]) -> None:
    """Commands that cost nothing to say, thousands at once, from ten addresses, until the server hangs up."""
    from_where = addresses(10)

    async def one(number: int) -> None:
        attacker = Attacker(port, codes, from_where(number))
        await attacker.connect()
        await attacker.say(b"EHLO attacker.test")
        flood = (b"NOOP\r\n", b"RSET\r\n", b"VRFY alice\r\n", b"x\r\n")[number % 4] * 1000
        listening = asyncio.ensure_future(attacker.swallow())
        for _ in range(4):
            attacker.write(flood)
            if not await attacker.drain():
                break
        await listening
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def chatter(port: int, count: int, codes: Counter[str]) -> None:
    """Transactions that come to nothing, a command at a time, in all sessions at once, from ten addresses."""
    from_where = addresses(10)

    async def one(number: int) -> None:
        attacker = Attacker(port, codes, from_where(number))
        await attacker.connect()
        await attacker.say(b"EHLO attacker.test")
        for command in (b"MAIL FROM:<>", b"RCPT TO:<alice@here.test>", b"RCPT TO:<nobody@here.test>", b"RSET") * 25:
            if not await attacker.say(command):
                break
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def tiny_chunks(port: int, count: int, codes: Counter[str]) -> None:
    """A message an octet a chunk, thousands of chunks at once, from ten addresses."""
    from_where = addresses(10)

    async def one(number: int) -> None:
        attacker = Attacker(port, codes, from_where(number))
        await attacker.connect()
        await attacker.say(b"EHLO attacker.test")
        await attacker.say(b"MAIL FROM:<>")
        await attacker.say(b"RCPT TO:<alice@here.test>")
        listening = asyncio.ensure_future(attacker.swallow())
        for _ in range(4):
            attacker.write(b"BDAT 1\r\nx" * 1000)
            if not await attacker.drain():
                break
        await listening
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def handshakes(port: int, count: int, codes: Counter[str]) -> None:
    """STARTTLS: a third sends garbage then, a third begins a handshake and leaves, the others make it and leave."""
    gate, from_where = asyncio.Semaphore(100), addresses(10)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def one(number: int) -> None:
        async with gate:
            attacker = Attacker(port, codes, from_where(number))
            try:
                if (await attacker.connect())[:3] == "220":
                    await attacker.say(b"EHLO attacker.test")
                    if (await attacker.say(b"STARTTLS"))[:3] == "220":
                        await _shake(attacker, number, context)
            except OSError:
                codes["refused"] += 1
                return
            attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def _shake(attacker: Attacker, number: int, context: ssl.SSLContext) -> None:
    if number % 3 == 0:
        attacker.write(b"\x16\x03\x01" + b"x" * 300)
        return
    to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(from_server, to_server)
    for _ in range(3):
        with suppress(ssl.SSLError):
            connection.do_handshake()
        attacker.write(to_server.read())
        if number % 3 == 1:
            return
        async with asyncio.timeout(PATIENCE):
            from_server.write(await attacker.reader.read(65536))


async def many_guesses(port: int, count: int, codes: Counter[str]) -> None:
    """Passwords for many users from a hundred addresses, all at once."""
    from_where = addresses(100)

    async def one(number: int) -> None:
        attacker = Attacker(port, codes, from_where(number))
        await attacker.connect()
        await attacker.say(b"EHLO attacker.test")
        secret = base64.b64encode(b"\0user%d\0guess" % number)
        await attacker.say(b"AUTH PLAIN " + secret)
        attacker.leave()

    await asyncio.gather(*[one(number) for number in range(count)])


async def _begin(attacker: Attacker) -> None:
    await attacker.say(b"EHLO attacker.test")
    await attacker.say(b"MAIL FROM:<>")
    await attacker.say(b"RCPT TO:<alice@here.test>")
    await attacker.say(b"DATA")


ATTACKS: dict[str, Attack] = {
    "connections": connections,
    "slow senders": slow_senders,
    "endless lines": endless_lines,
    "endless recipients": endless_recipients,
    "memory bombs": memory_bombs,
    "guesses": guesses,
    "huge chunks": huge_chunks,
    "floods": floods,
    "chatter": chatter,
    "tiny chunks": tiny_chunks,
    "handshakes": handshakes,
    "many guesses": many_guesses,
}
