"""Which `LinkFault` an `OSError` is: the one table from errno to our words."""

import errno
import os
import socket
import ssl
from typing import Final

from heloise.world.errors import LinkError, LinkFault

_FAULTS: Final = {
    errno.ECONNREFUSED: LinkFault.REFUSED,
    errno.ENOENT: LinkFault.REFUSED,  # a Unix socket whose server is not there
    errno.ETIMEDOUT: LinkFault.TIMED_OUT,
    errno.ECONNRESET: LinkFault.RESET,
    errno.ECONNABORTED: LinkFault.RESET,
    errno.EPIPE: LinkFault.RESET,
    errno.ENETUNREACH: LinkFault.UNREACHABLE,
    errno.EHOSTUNREACH: LinkFault.UNREACHABLE,
    errno.ENETDOWN: LinkFault.UNREACHABLE,
    errno.EHOSTDOWN: LinkFault.UNREACHABLE,
    errno.EAFNOSUPPORT: LinkFault.UNREACHABLE,  # an IPv6 address on a machine without IPv6
    errno.EINVAL: LinkFault.UNREACHABLE,  # a link-local address without its interface
}


def link_error(error: OSError) -> LinkError:
    """`error` in our words. EMFILE, EADDRNOTAVAIL and all we do not know are LOCAL trouble."""
    if isinstance(error, socket.gaierror):
        return LinkError(LinkFault.UNREACHABLE, f"no address: {error.strerror}")
    if isinstance(error, ssl.SSLError):  # its numbers are not those of errno
        return LinkError(LinkFault.TLS, error.reason or str(error))
    fault = _FAULTS.get(error.errno or 0, LinkFault.LOCAL)
    # Of errno, since asyncio writes addresses into strerror; and nothing that the fault says already.
    words = os.strerror(error.errno) if error.errno else str(error)
    return LinkError(fault, "" if words.lower() == fault.value else words)


def connect_error(error: OSError) -> LinkError:
    """The same for an attempt to connect, where a reset is the answer of a host that does not want us."""
    mapped = link_error(error)
    return LinkError(LinkFault.REFUSED, str(mapped)) if mapped.fault is LinkFault.RESET else mapped
