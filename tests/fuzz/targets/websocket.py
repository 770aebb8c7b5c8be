"""FrameReader: frames, "not yet", or FrameFault; however the octets are cut, the same frames are read."""

from heloise.web.websocket import LONGEST_FRAME, FrameFault, FrameReader, Opcode
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target


def _read(octets: bytes, size: int) -> tuple[list[tuple[Opcode, bytes]], int]:
    reader = FrameReader()
    found: list[tuple[Opcode, bytes]] = []
    for place in range(0, len(octets), size):
        try:
            found += reader.feed(octets[place : place + size])
        except FrameFault as fault:
            return found, fault.code
    return found, 0


def run(octets: bytes) -> None:
    """Settings: how much comes at once."""
    supply = Supply(octets)
    size = supply.octet() % 16 + 1
    stream = supply.rest()
    one_by_one = _read(stream, 1)
    cut = _read(stream, size)
    # What is wrong ends it at once, with whatever came in the same piece.
    assert cut[1] == one_by_one[1]
    assert one_by_one[0][: len(cut[0])] == cut[0]
    assert cut[1] or cut == one_by_one
    assert all(len(payload) <= LONGEST_FRAME for _, payload in one_by_one[0])


TARGET = Target(
    run=run,
    tokens=(
        b"\x81\x80",
        b"\x81\x85",
        b"\x88\x82",
        b"\x89\x80",
        b"\x8a\x80",
        b"\x01\x81",
        b"\x82\xfe\x00\x7e",
        b"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x7e",
        b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01",
        b"\x81\x01",
        bytes(4),
        b"\x01\x02\x03\x04",
        b"\x03\xe8",
    ),
    settings=1,
    longest=300,
)
