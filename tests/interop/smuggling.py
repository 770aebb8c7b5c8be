"""What other servers have taken for the end of data, each with a second message behind it. RFC 5321 §4.1.1.4."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

SMUGGLED = (
    b"MAIL FROM:<evil@evil.test>\r\nRCPT TO:<carol@there.test>\r\nDATA\r\n"
    b"From: evil@evil.test\r\nSubject: smuggled\r\n\r\nSmuggled.\r\n"
)
ENDINGS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CR.LF": b"\r.\n",
    "CRLF.CR": b"\r\n.\r",
    "CRLF.CRCRLF": b"\r\n.\r\r\n",
    "CRCRLF.CRCRLF": b"\r\r\n.\r\r\n",
    "CRLF.NUL CRLF": b"\r\n.\x00\r\n",
    "CRLF NUL.CRLF": b"\r\n\x00.\r\n",
    "CRLF.blank CRLF": b"\r\n. \r\n",
    "CRLF blank.CRLF": b"\r\n .\r\n",
    "LFLF.CRLF": b"\n\n.\r\n",
    "CRLF..CRLF": b"\r\n..\r\n",
    "CRLF.LFCRLF": b"\r\n.\n\r\n",
    "LFCR.LFCR": b"\n\r.\n\r",
    "VT.VT": b"\x0b.\x0b",
    "NEL.NEL": "\x85.\x85".encode(),
    "LS.LS": "\u2028.\u2028".encode(),
}
BY_BDAT = {
    "BDAT CRLF.CRLF": b"\r\n.\r\n",
    "BDAT LF.LF": b"\n.\n",
    "BDAT LF.CRLF": b"\n.\r\n",
    "BDAT CRLF.LF": b"\r\n.\n",
    "BDAT CR.CR": b"\r.\r",
}


@dataclass(frozen=True, slots=True)
class Carrier:
    """A message with a second one in it. `whole` sends the commands with it, in one write."""

    name: str
    octets: bytes
    bdat: bool = False
    binary: bool = False
    whole: bool = False

    def is_clean(self) -> bool:
        """Has it CRLF only, so that it may pass?"""
        bare = self.octets.replace(b"\r\n", b"")
        return b"\r" not in bare and b"\n" not in bare

    def is_mendable(self) -> bool:
        """Are its bare endings all LF?"""
        return b"\r" not in self.octets.replace(b"\r\n", b"")


def carriers() -> list[Carrier]:
    """All of them: by DATA, the same in one write with the commands, by BDAT and by BDAT as binary content."""
    found = []
    for whole in (False, True):
        for name, ending in ENDINGS.items():
            name = f"{name} in one write" if whole else name
            found.append(Carrier(name, _octets(name, ending), whole=whole))
    for binary in (False, True):
        for name, ending in BY_BDAT.items():
            name = f"{name} binary" if binary else name
            found.append(Carrier(name, _octets(name, ending), bdat=True, binary=binary))
    return found


def _octets(name: str, ending: bytes) -> bytes:
    return b"Subject: carrier " + name.encode() + b"\r\n\r\nHello" + ending + SMUGGLED


class Session:
    """A client that sends what it likes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rb")
        self.reply()

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def reply(self) -> int:
        """The code of the next reply; 0 when the server has hung up."""
        line = b"---"
        while line[3:4] == b"-" or line == b"---":
            line = self._file.readline()
        return int(line[:3] or 0)

    def say(self, command: str) -> int:
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def send(port: int, carrier: Carrier, *, recipient: str = "bob@there.test") -> Sequence[int]:
    """Send one, and the codes that came: to MAIL, RCPT, DATA (or BDAT), and whatever came behind the end."""
    session = Session(port)
    try:
        session.say("EHLO client.test")
        mail = "MAIL FROM:<alice@here.test>" + (" BODY=BINARYMIME" if carrier.binary else "")
        commands = [mail, f"RCPT TO:<{recipient}>"]
        if carrier.bdat:
            codes = [session.say(command) for command in commands]
            session.send(b"BDAT %d LAST\r\n%b" % (len(carrier.octets), carrier.octets))
        elif carrier.whole:
            lines = "".join(f"{command}\r\n" for command in (*commands, "DATA")).encode()
            session.send(lines + carrier.octets + b".\r\n")
            codes = [session.reply() for _ in range(3)]
        else:
            codes = [session.say(command) for command in (*commands, "DATA")]
            session.send(carrier.octets + b".\r\n")
        codes.append(session.reply())
        session.send(b"NOOP\r\nQUIT\r\n")
        while (code := session.reply()) not in (0, 221):
            codes.append(code)
        return codes
    finally:
        session.close()
