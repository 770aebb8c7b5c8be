"""Where the Sender Rewriting Scheme is applied: on mail that we forward, and on what comes back to such an address.

Rewritten is a sender in somebody else's domain whose mail for one of our names goes on to somebody else's domain. Mail
from nobody is not, and no sender of ours, for whom our hosts may speak anyway.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from heloise.mail import causes
from heloise.mail.address import AddressError
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.route import Route
from heloise.routing.router import Accepted, Refusal, Routing
from heloise.routing.srs import Expired, Forged, Scheme, is_rewritten, reverse, rewrite
from heloise.smtp import replies
from heloise.world import Clock

IsLocal = Callable[[str], Awaitable[bool]]


class Routes(Protocol):
    """Finds routes. `heloise.routing.Router`."""

    async def route(self, path: ForwardPath, *, may_relay: bool) -> Routing:
        """For mail that somebody brings."""
        ...

    def decide(self, path: ForwardPath, *, may_relay: bool) -> Routing | Awaitable[Routing]:
        """Likewise, without waiting where nobody has to be asked."""
        ...

    async def route_own(self, path: ForwardPath) -> Sequence[tuple[ForwardPath, Route]]:
        """For mail of our own."""
        ...


class Rewriting:
    """Rewrites senders by `scheme`. `is_local` tells of a domain, in lower case, whether it is ours."""

    def __init__(self, scheme: Scheme, clock: Clock, is_local: IsLocal) -> None:
        self._scheme = scheme
        self._clock = clock
        self._is_local = is_local

    async def sender_for(self, sender: ReversePath, target: ForwardPath) -> ReversePath | None:
        """The reverse path under which mail of `sender` for a name of ours goes on to `target`; None for `sender`.

        Raises:
            LookupFailed: nobody can tell now whose a domain is.
        """
        if sender.mailbox is None or target.domain is None:
            return None
        if await self._is_local(target.domain) or await self._is_local(sender.mailbox.domain.lower()):
            return None
        try:
            return ReversePath(rewrite(sender.mailbox, self._scheme, now=self._clock.now()))
        except AddressError:
            return None  # too long for a local part: SPF may fail then, which is better than no mail

    def original(self, path: ForwardPath) -> ForwardPath | Refusal | None:
        """Whom a report to `path` is for, or why it is not taken; None when it is no address of the scheme."""
        if path.mailbox is None or path.domain != self._scheme.domain.lower() or not is_rewritten(path.mailbox):
            return None
        found = reverse(path.mailbox, self._scheme, now=self._clock.now())
        if isinstance(found, Forged):
            cause = causes.SRS_FORGED.because(recipient=path, why=found.why)
            return Refusal(replies.return_address_forged(path, cause))
        if isinstance(found, Expired):
            cause = causes.SRS_EXPIRED.because(recipient=path, days=found.age, limit=self._scheme.max_age)
            return Refusal(replies.return_address_expired(path, cause))
        return ForwardPath(found)


class RewritingRouter:
    """A router that sends what comes to a rewritten address back to the sender it was made of.

    Everybody may do so, as with any name of ours: that the address was made here is what lets the mail go out.
    """

    def __init__(self, router: Routes, rewriting: Rewriting) -> None:
        self._router = router
        self._rewriting = rewriting

    async def route(self, path: ForwardPath, *, may_relay: bool) -> Routing:
        """See `heloise.routing.Router`."""
        original = self._rewriting.original(path)
        if original is None:
            return await self._router.route(path, may_relay=may_relay)
        if isinstance(original, Refusal):
            return original
        routing = await self._router.route(original, may_relay=True)
        if isinstance(routing, Accepted):
            return replace(routing, told=(f"{path}... leads back to {original}", *routing.told))
        return routing

    def decide(self, path: ForwardPath, *, may_relay: bool) -> Routing | Awaitable[Routing]:
        """See `heloise.routing.Router`."""
        if self._rewriting.original(path) is None:
            return self._router.decide(path, may_relay=may_relay)
        return self.route(path, may_relay=may_relay)

    async def route_own(self, path: ForwardPath) -> Sequence[tuple[ForwardPath, Route]]:
        """See `heloise.routing.Router`."""
        original = self._rewriting.original(path)
        if isinstance(original, Refusal):
            return ()
        return await self._router.route_own(path if original is None else original)
