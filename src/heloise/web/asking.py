"""One HEAD request on a stream: h11 knows the protocol, this carries. RFC 9110 §9.3.2."""

from dataclasses import dataclass

import h11

from heloise.world import LinkError, LinkFault, Stream

MOST_HEAD = 65_536  # octets of an answer that are read


@dataclass(frozen=True, slots=True)
class HeadAnswer:
    """What a server says of a place; `location` where else it is, "" for nowhere."""

    status: int
    reason: str
    location: str


async def ask_head(stream: Stream, *, host: str, target: str, agent: str) -> HeadAnswer:
    """Ask for `target` of `host`. Raises LinkError: the connection is lost, or what is said is no HTTP."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
    headers = [("Host", host), ("User-Agent", agent), ("Accept", "*/*"), ("Connection", "close")]
    try:
        stream.send(connection.send(h11.Request(method="HEAD", target=target, headers=headers)) or b"")
        stream.send(connection.send(h11.EndOfMessage()) or b"")
        await stream.drain()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive())
            elif isinstance(event, h11.Response):
                location = next((value for name, value in event.headers if name == b"location"), b"")
                reason = bytes(event.reason).decode("latin-1")
                return HeadAnswer(event.status_code, reason, location.decode("latin-1"))
            elif not isinstance(event, h11.InformationalResponse):
                raise LinkError(LinkFault.CLOSED, "the server said nothing")
    except (h11.RemoteProtocolError, h11.LocalProtocolError) as error:
        raise LinkError(LinkFault.LOCAL, f"no HTTP: {error}") from None
