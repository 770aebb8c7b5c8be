"""The two families of protocol errors. A connection's trouble is the third, `heloise.world.LinkError`.

ProtocolError
    LocalProtocolError      our caller did what the protocol forbids: a bug on our side
    RemoteProtocolError     the peer did
"""


class ProtocolError(Exception):
    """Somebody broke the protocol."""


class LocalProtocolError(ProtocolError):
    """The engine was used wrongly; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer said something that can not be understood; the conversation is over."""
