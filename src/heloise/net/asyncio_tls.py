"""What asyncio's TLS does otherwise than mail needs; changed once, for the whole process. uvloop has its own."""

import ssl
from asyncio import sslproto
from typing import Any, Final

TLS_BUFFER: Final = 32 * 1024  # two records (RFC 8446 §5.1)


def adapt() -> None:
    """Less memory for a session, and the reason for those with whom a handshake fails."""
    # asyncio gives each session under TLS a buffer of its own, of 256 KiB, for as long as it lasts: ten times as much
    # as OpenSSL itself needs for one that sits idle.
    sslproto.SSLProtocol.max_size = TLS_BUFFER
    # It throws away what OpenSSL says of a handshake that has failed. Without the alert (RFC 8446 §6.2) the other side
    # knows no more than that we hung up: not that it is too old, or that its certificate is not believed.
    protocol: Any = sslproto.SSLProtocol
    complete = getattr(protocol, "_on_handshake_complete", None)
    if complete is not None and not hasattr(complete, "says_why"):

        def says_why(self: Any, failure: BaseException | None) -> None:
            if isinstance(failure, ssl.SSLError) and getattr(self, "_transport", None) is not None:
                self._transport.write(self._outgoing.read())
            complete(self, failure)

        says_why.says_why = True  # type: ignore[attr-defined]  # not twice
        protocol._on_handshake_complete = says_why
