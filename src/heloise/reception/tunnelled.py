"""What comes in a header field since a server on the way lacks the extension: MT-Priority. RFC 6758.

Only where an operator has asked for it. The header of a message is held back until it is whole; then the field of a
client that is believed becomes the parameter that MAIL did not have, so that from here on it is one as any other. The
field of anybody else is taken out, or the next server would believe us.
"""

from collections.abc import Sequence
from dataclasses import replace

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Parameter
from heloise.mail.sink import Companion, Deposit, MessageSink, SinkAnswer, written
from heloise.reception.completing import LONGEST_HEADER
from heloise.reception.transaction import Hinting, Transaction
from heloise.smtp.extensions import mt_priority


class TunnelledDeposit:
    """A deposit that is begun when the header is known; see `heloise.mail.sink.Deposit`."""

    def __init__(self, sink: MessageSink, transaction: Transaction, hinting: Hinting | None, *, believed: bool) -> None:
        self._sink = sink
        self._transaction = transaction
        self._hinting = hinting
        self._believed = believed
        self._beginning = b""
        self._deposit: Deposit | None = None
        self._shrunk = 0

    async def write(self, octets: bytes) -> None:
        """Hold back the header until it is whole; the rest goes on at once."""
        if self._deposit is not None:
            await written(self._deposit, octets)
            return
        self._beginning += octets
        end = self._beginning.find(b"\r\n\r\n")
        if end >= 0:
            await self._begin(end + 2)
        elif len(self._beginning) > LONGEST_HEADER:
            await self._begin(0)

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        """As the one behind, with the size that it is now."""
        deposit = self._deposit
        if deposit is None:
            deposit = await self._begin(len(self._beginning))
            # They were made before it was known what the header says.
            others = iter(self._transaction.submissions[1:])
            companions = [
                each if each.octets is not None else Companion(submission=next(others)) for each in companions
            ]
        return await deposit.commit(replace(facts, size=facts.size - self._shrunk), companions)

    async def abort(self) -> None:
        """Forget it."""
        self._beginning = b""
        if self._deposit is not None:
            await self._deposit.abort()

    async def _begin(self, end: int) -> Deposit:
        """The first `end` octets are the header."""
        transaction, header = self._transaction, self._beginning[:end]
        first = transaction.submissions[0]
        if mt_priority.KEYWORD not in first.envelope.parameters:
            priority = mt_priority.in_header(header) if self._believed else None
            if priority is not None:
                parameter = Parameter(mt_priority.KEYWORD, str(priority))
                first = transaction.ask(parameter, self._hinting)
            elif not self._believed:
                kept = mt_priority.without_field(header)
                self._shrunk = len(header) - len(kept)
                header = kept
        octets, self._beginning = header + self._beginning[end:], b""
        self._deposit = self._sink.begin(first)
        await written(self._deposit, octets)
        return self._deposit
