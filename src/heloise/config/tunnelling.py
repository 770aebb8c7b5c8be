"""The section about what comes in header fields, from servers that lack an extension: `[tunnelling]`."""

from dataclasses import dataclass

from heloise.reception.admission import Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnelling:
    """`[tunnelling]`: what servers without an extension hand on in a header field in its place."""

    mt_priority: Audience = Audience.OFF
    """Whose header field MT-Priority counts as MT-PRIORITY (RFC 6758) where MAIL says nothing: "relay" (clients that
    may relay, and users who have logged in), "loopback" (programs on this machine) or "any". Of everybody else it is
    taken out, since the next server believes us. With "off" nobody looks for one."""
