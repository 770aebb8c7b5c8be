"""Hear the PROXY header of a connection, before anything else is said on it: also before a handshake for TLS."""

import asyncio

from heloise.link.proxy_protocol import ProxyHeader, ProxyProtocolError, read_header
from heloise.world import LinkError, Stream

PATIENCE = 5.0  # seconds for all of it; PROXY section 2 asks for three at least


async def hear_header(stream: Stream, *, patience: float = PATIENCE) -> ProxyHeader:
    """The header; what came behind it is put back into `stream`.

    Raises:
        ProxyProtocolError: there is none, or not all of it within `patience` seconds. The connection is to be closed:
            a receiver must not guess whether a header was meant (PROXY section 2).
    """
    heard = b""
    try:
        async with asyncio.timeout(patience):
            while (header := read_header(heard)) is None:
                octets = await stream.receive()
                if not octets:
                    raise ProxyProtocolError("the proxy hung up within its header")
                heard += octets
    except TimeoutError:
        raise ProxyProtocolError(f"no whole header within {patience:g} seconds") from None
    except LinkError as error:
        raise ProxyProtocolError(str(error)) from None
    if len(heard) > header.size:
        stream.put_back(heard[header.size :])
    return header
