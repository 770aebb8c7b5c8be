"""The moments at which somebody may be asked whether a session, or what it brings, may pass."""

from enum import Enum


class Stage(Enum):
    """In the order of a session. What is refused at a stage costs the client nothing that came before."""

    CONNECT = "connect"  # before the greeting
    HELLO = "hello"  # EHLO, HELO, LHLO; again after STARTTLS
    MAIL = "mail"
    RCPT = "rcpt"  # once for each recipient that the router would take
    DATA = "data"  # DATA or the first BDAT
    MESSAGE = "message"  # the whole of it is here, and nobody is responsible for it yet
    LOOKUP = "lookup"  # VRFY or EXPN
    UNKNOWN = "unknown"  # a command that there is not
    REFUSED = "refused"  # a recipient that is refused already: nothing that is said here changes it


OF_TRANSACTION = (Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.MESSAGE)
"""What was said at these holds for one transaction; the rest for the session."""
