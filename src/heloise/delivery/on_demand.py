"""On-Demand Mail Relay, the provider's part after ATRN: mail goes to a site over the connection it made. RFC 2645 §5.3.

The site is the server now. Each waiting recipient of its domains is attempted once, in the order of the queue, by the
same rules and settled as durably as in any other attempt; what is not taken waits for the next time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from heloise.delivery.attempt import DeliveryAttempt
from heloise.delivery.deliverer import Deliverer
from heloise.delivery.next_hop import NextHop
from heloise.delivery.relay import MAXIMUM_RECIPIENTS, relay_over
from heloise.link.converse import Conversation
from heloise.link.dial import DialFailure, converse_over
from heloise.queue.model import Selection
from heloise.queue.queue import Queue
from heloise.smtp.transaction import ClientOptions
from heloise.world import Stream, UnixEndpoint


@dataclass(frozen=True, slots=True)
class OnDemandRelay:
    """Relays on demand from one queue."""

    queue: Queue
    deliverer: Deliverer

    async def __call__(self, stream: Stream, domains: tuple[str, ...], is_stopping: Callable[[], bool]) -> None:
        """Deliver what waits for `domains` to the server at the other end of `stream`, then say QUIT and close it.

        It ends when all was attempted, when the server takes no more, or when `is_stopping`.

        Raises:
            StoreFault: the queue can not be asked; what was settled stays so.
        """
        doors = self.deliverer.doors
        options = ClientOptions(hello_name=doors.hostname, timeouts=doors.timeouts)
        conversation = await converse_over(stream, options, doors.extensions)
        if isinstance(conversation, DialFailure):
            return  # nothing was leased yet: all waits as before
        try:
            for domain in domains:
                await self._relay(conversation, _hop(stream), domain, is_stopping)
        finally:
            await conversation.quit()

    async def _relay(
        self, conversation: Conversation, hop: NextHop, domain: str, is_stopping: Callable[[], bool]
    ) -> None:
        async def by(attempt: DeliveryAttempt) -> None:
            await relay_over(self.deliverer.doors, attempt, conversation, hop)

        def goes_on() -> bool:
            return conversation.usable and not is_stopping()

        last = 0  # the number of a recipient: so that nobody's turn comes twice
        while goes_on():
            leases = await self.queue.lease_selected(Selection(domain=domain), limit=MAXIMUM_RECIPIENTS, after=last)
            if not leases:
                return
            last = max(recipient.id for lease in leases for recipient in lease.message.recipients)
            await self.deliverer.deliver_by(leases, by, goes_on)


def _hop(stream: Stream) -> NextHop:
    peer = stream.peer
    return NextHop(peer, str(peer) if isinstance(peer, UnixEndpoint) else peer.host.partition("%")[0])
