"""Sections about servers that speak for their clients: `[xclient]`, `[xforward]`."""

from dataclasses import dataclass

from heloise.config.kinds import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Xclient:
    """`[xclient]`: proxies and test tools that may say who their client is (XCLIENT of Postfix). The session is then
    that of this client, with its address, name, user and permissions."""

    networks: tuple[Network, ...] = ()
    """Where they connect from. Everybody else gets 550 5.7.0. Whoever is named here can pretend to be anybody, and
    any user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Xforward:
    """`[xforward]`: servers in front of this one, such as a content filter, that tell where they have a message from
    (XFORWARD of Postfix). It is kept for log and passport, and changes no permission."""

    networks: tuple[Network, ...] = ()
    """Where they connect from. Everybody else gets 550 5.7.0."""
