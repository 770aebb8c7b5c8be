"""Too little memory, or too few descriptors: who comes is sent away before there is none. RFC 5321 §3.8.

Sessions that are there may end what they do; new ones get 421, and new messages 452. What is accepted is safe.
"""

from dataclasses import dataclass

from heloise.mail.cause import Cause
from heloise.mail.reply import Reply
from heloise.smtp import replies


@dataclass(slots=True)
class Pressure:
    """Shared by all sessions of a process: None, or what is said in place of a greeting and to MAIL."""

    greeting: Reply | None = None
    mail: Reply | None = None

    def press(self, cause: Cause) -> None:
        """From now on."""
        self.greeting, self.mail = replies.no_resources_for_session(cause), replies.no_resources_for_message(cause)

    def relieve(self) -> None:
        """No longer."""
        self.greeting = self.mail = None
