"""Asking whether the links of a caught message lead anywhere. Only where that was permitted at the start, and when
somebody asks; never to a private network unless that was permitted as well.

A name is resolved once, each of its addresses has to be public, and the connection goes to an address and not to the
name: so a name that changes its mind meanwhile (DNS rebinding) leads nowhere else. A redirect is a new link.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from heloise.web.asking import HeadAnswer, ask_head
from heloise.world import ClientTls, Endpoint, LinkError, ResolverError, World

MOST = 50  # links of a message that are asked for
_AT_ONCE = 5
_PATIENCE = 5.0  # seconds for one request, connecting included
_MOST_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """What is known of a link: the status that its server gave, 0 when there is none, and a word."""

    url: str
    status: int
    text: str


class _NotAsked(Exception):
    """A link is left alone; why."""


class LinkChecker:
    """Asks for links. `private`: also in networks that are not public."""

    def __init__(self, world: World, *, private: bool, agent: str) -> None:
        self._world = world
        self._private = private
        self._agent = agent

    async def check(self, urls: Sequence[str], *, follow: bool = False) -> tuple[LinkStatus, ...]:
        """Ask for each of the first `MOST`; with `follow` also where they lead on to."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(url: str) -> LinkStatus:
            async with room:
                return await self._one(url, follow)

        asked = await asyncio.gather(*map(one, urls[:MOST]))
        return (*asked, *[LinkStatus(url, 0, f"not asked: only the first {MOST} are") for url in urls[MOST:]])

    async def _one(self, url: str, follow: bool) -> LinkStatus:
        place = url
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                async with asyncio.timeout(_PATIENCE):
                    answer = await self._ask(place)
                if not (follow and 300 <= answer.status < 400 and answer.location):
                    return LinkStatus(url, answer.status, answer.reason)
                place = urljoin(place, answer.location)
            return LinkStatus(url, answer.status, "too many redirects")
        except TimeoutError:
            return LinkStatus(url, 0, f"no answer within {_PATIENCE:g} seconds")
        except (LinkError, ResolverError, _NotAsked) as error:
            return LinkStatus(url, 0, str(error))

    async def _ask(self, url: str) -> HeadAnswer:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            (host or "").encode("ascii"), target.encode("ascii")
        except ValueError as error:
            raise _NotAsked(f"not asked: {error}") from None
        if parts.scheme not in _PORTS or not host or parts.username is not None:
            raise _NotAsked("not asked: it is no address of a web server")
        address = await self._address(host)
        endpoint = Endpoint(address, port or _PORTS[parts.scheme])
        stream = await self._world.network.connect(endpoint, timeout=_PATIENCE)
        try:
            if parts.scheme == "https":
                await stream.start_tls(ClientTls(server_name=host, verify=True), timeout=_PATIENCE, is_first=True)
            return await ask_head(stream, host=parts.netloc, target=target, agent=self._agent)
        finally:
            stream.abort()

    async def _address(self, host: str) -> str:
        """One address of the host. Raises _NotAsked when any of them is none that may be asked."""
        try:
            found: tuple[str, ...] = (str(ip_address(host)),)
        except ValueError:
            found = await self._world.resolver.addresses(host)
        if not found:
            raise _NotAsked(f"{host} has no address")
        for each in found:
            address = ip_address(each)
            if not self._private and (not address.is_global or address.is_multicast):
                raise _NotAsked(f"not asked: {host} is in a private network")
        return found[0]
