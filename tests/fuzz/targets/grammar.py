"""parse_command: a command or a reply for any line; what a command encodes to reads back as the same. RFC 5321 §4.1."""

from heloise.mail.reply import Reply
from heloise.smtp.command import parse_command
from tests.fuzz.targets import Target
from tests.fuzz.tokens import ADDRESSES, COMMANDS, PARAMETERS


def run(octets: bytes) -> None:
    """Each line of the octets, and all of them as one."""
    for line in (octets, *octets.split(b"\r\n")):
        command = parse_command(line)
        if isinstance(command, Reply):
            assert 500 <= command.code <= 555
            continue
        wire = command.encode()
        assert wire.endswith(b"\r\n")
        assert not {0, 10, 13} & set(wire[:-2])
        assert parse_command(wire[:-2]) == command, f"{wire!r} is not {command}"


TARGET = Target(run=run, tokens=tuple(word.removesuffix(b"\r\n") for word in (*COMMANDS, *ADDRESSES, *PARAMETERS)))
