"""Everything that a POP3 server says in a first line, in one place. RFC 1939 §3; codes in brackets: RFC 2449 §8."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pop3Reply:
    """+OK or -ERR. `code` is that of RFC 2449 §8 and RFC 3206 without brackets, "" for none; `clause` is why."""

    is_positive: bool
    text: str
    code: str = ""
    clause: str = "RFC 1939 §3"

    def encode(self) -> bytes:
        """The line, with CRLF. RFC 1939 §3: up to 512 octets."""
        words = ["+OK" if self.is_positive else "-ERR", f"[{self.code}]" if self.code else "", self.text]
        line = " ".join(filter(None, words)).encode("utf-8", "replace")
        return line[:510] + b"\r\n"


def ok(text: str = "") -> Pop3Reply:
    """Yes, and what there is to say of it."""
    return Pop3Reply(True, text)


def no(text: str, code: str = "", clause: str = "RFC 1939 §3") -> Pop3Reply:
    """No, and why."""
    return Pop3Reply(False, text, code, clause)


def greeting(hostname: str, timestamp: str) -> Pop3Reply:
    """The first line; with a timestamp APOP is offered. RFC 1939 §4, §7."""
    return ok(f"{hostname} POP3 heloise {timestamp}".rstrip())


def no_such_message(text: str) -> Pop3Reply:
    """There is none of this number, or it is deleted."""
    return no(f'there is no message "{text[:20]}"')


UNKNOWN = no("no such command", clause="RFC 1939 §3")
OUT_OF_PLACE = no("not now", clause="RFC 1939 §3")
TOO_LONG = no("a command has up to 255 octets", clause="RFC 2449 §4")
TOO_MANY_ERRORS = no("too many errors, good bye")
BAD_ARGUMENTS = no("these are not the arguments of this command")
NAME_FIRST = no("say USER first", clause="RFC 1939 §7")
NAME_TAKEN = ok("and the password?")
NO_APOP = no("APOP is not offered", clause="RFC 1939 §7")
NOT_IN_CLEAR = no("passwords only under TLS: STLS first", clause="RFC 2595 §2")
REFUSED = no("wrong user or password", "AUTH", "RFC 3206 §4")
TROUBLE = no("the users can not be asked, try again later", "SYS/TEMP", "RFC 3206 §4")
IN_USE = no("the mailbox is open in another session", "IN-USE", "RFC 2449 §8.1.2")
CANCELLED = no("cancelled, as you wish", clause="RFC 5034 §4")
NOT_BASE64 = no("this is no response to it", clause="RFC 5034 §4")
NO_MECHANISM = no("no such mechanism; there is PLAIN", clause="RFC 5034 §4")
BEGIN_TLS = ok("go ahead")
NO_TLS = no("there is no TLS here", clause="RFC 2595 §4")
HAVE_TLS = no("this is under TLS already", clause="RFC 2595 §4")
INJECTED = no("something was said behind STLS, good bye", clause="RFC 2595 §4")
NOT_REMOVED = no("some deleted messages could not be removed", clause="RFC 1939 §6")
SHUTDOWN = no("the server stops", "SYS/TEMP", "RFC 3206 §4")
IDLE = no("silent for too long", clause="RFC 1939 §3")
