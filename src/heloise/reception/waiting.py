"""Time as a means: who can not wait for the greeting is no mail server, and who guesses is answered slowly.

Both are bounded in number: past that nobody is made to wait, since whoever waits costs a session.
"""

import asyncio
from dataclasses import dataclass, field

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.world import LinkError, Stream

MOST_WAITING = 500  # at a time


@dataclass(slots=True, kw_only=True)
class Waiting:
    """How long strangers wait for the greeting, and for the reply to a mistake; in seconds, 0 for not at all."""

    greet_delay: float = 0.0
    tarpit: float = 0.0
    greet_rule: Rule | None = None
    most: int = MOST_WAITING
    _present: int = field(default=0, init=False)

    async def before_greeting(self, stream: Stream, hostname: str) -> Reply | None:
        """Wait; the 554 for a client that speaks meanwhile (RFC 5321 §3.1: it waits for the greeting)."""
        if not self.greet_delay or self._present >= self.most:
            return None
        self._present += 1
        heard = b""
        try:
            async with asyncio.timeout(self.greet_delay):
                heard = await stream.receive()
        except (TimeoutError, LinkError):
            pass
        finally:
            self._present -= 1
        if not heard:
            return None
        cause = causes.SESSION_EARLY.because(self.greet_rule, octets=len(heard), delay=f"{self.greet_delay:g}")
        return replies.session_refused(hostname, cause)

    async def before_refusal(self) -> None:
        """Wait before a mistake is answered."""
        if not self.tarpit or self._present >= self.most:
            return
        self._present += 1
        try:
            await asyncio.sleep(self.tarpit)
        finally:
            self._present -= 1


NO_WAITING = Waiting()
