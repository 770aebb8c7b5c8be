"""A journal that tells nobody: for a server in a program, which has its own ways to hear of what comes."""

from heloise.mail.attributes import Attributes
from heloise.mail.cause import Cause
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.ids import MessageId
from heloise.mail.reply import Reply
from heloise.mail.sink import Submission
from heloise.smtp.events import Proposal
from heloise.world import LinkError


class QuietJournal:
    """See `heloise.reception.desk.Journal`."""

    def opened(self, session: str, peer: str) -> None:
        """See there."""

    def granted(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """See there."""

    def accepted(self, session: str, submission: Submission, facts: ContentFacts) -> None:
        """See there."""

    def refused(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """See there."""

    def judged(self, session: str, message_id: MessageId, cause: Cause) -> None:
        """See there."""

    def secured(self, session: str, encryption: Encryption) -> None:
        """See there."""

    def not_secured(self, session: str, peer: str, error: LinkError) -> None:
        """See there."""

    def spoken_for(self, session: str, peer: str, claim: Attributes) -> None:
        """See there."""

    def not_introduced(self, peer: str, trouble: str) -> None:
        """See there."""

    def turned_away(self, peer: str, count: int, reply: Reply) -> None:
        """See there."""

    def ended(self, session: str, *, lost: bool) -> None:
        """See there."""

    def fault(self, session: str, error: Exception) -> None:
        """See there."""
