"""Clients that come through a proxy which tells their address: whom that is believed of, and what it makes of them.

Only the proxies themselves may connect where this is in use: whoever else could write a header would be anybody he
likes. A connection without a client's address (LOCAL, UNKNOWN) counts as that of a stranger: if it counted as the
proxy's own, everybody whom the proxy can not tell about would be let in as a machine of ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from heloise.link.introduction import hear_header
from heloise.link.proxy_protocol import ProxyProtocolError
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.reception.admission import Admission, AdmissionPolicy, Network, address_of, contains
from heloise.world import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRules:
    """`networks` are those of the proxies of a listener; `rule` says where they are written."""

    networks: tuple[Network, ...]
    rule: Rule | None = None


class Proxies:
    """Receives the connections of one listener. `told` is given what was wrong with a header, and by whom it was sent;
    `most` are so many as may wait for their header at a time."""

    def __init__(self, rules: ProxyRules, policy: AdmissionPolicy, told: Callable[[str, str], None], most: int) -> None:
        self._rules = rules
        self._policy = policy
        self._told = told
        self._most = most
        self._waiting: dict[Stream, None] = {}

    async def admit(self, stream: Stream) -> Admission | None:
        """What the client may do; None when there is nobody to be served, and the stream is to be closed."""
        peer = stream.peer
        stranger = self._policy.admit_stranger(address_of(peer))
        if not contains(self._rules.networks, peer):
            refusal = causes.PROXY_NOT_ONE.because(self._rules.rule, client=stranger.address)
            return replace(stranger, refusal=refusal)
        if len(self._waiting) >= self._most:
            self._told(stranger.address, f"{self._most} connections wait for a header already")
            return None
        self._waiting[stream] = None
        try:
            header = await hear_header(stream)
        except ProxyProtocolError as error:
            self._told(stranger.address, str(error))
            return None
        finally:
            del self._waiting[stream]
        if header.source is None:
            return stranger
        return replace(self._policy.admit(header.source), local=header.destination)

    def shut_down(self) -> None:
        """Wait for nobody any more."""
        for stream in tuple(self._waiting):
            stream.abort()
