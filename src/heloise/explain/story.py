"""All there is to say about one reply: its code, its enhanced status, and why it was said. Pure.

Of a reply of ours the cause is known, with the rule of the configuration that decided and what it looked at; of one
that another server said there are only the catalogues.
"""

from dataclasses import dataclass

from heloise.explain.explanations import Explanation, explain_cause, explain_code, explain_status
from heloise.mail.cause import Rule
from heloise.mail.causes import PEER_NONSENSE, PEER_SAID
from heloise.mail.reply import Reply
from heloise.smtp.status_codes import find_detail


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyStory:
    """`cause` is None when nobody but the server that said it knows; `inputs` are names and values that are not in the
    text of the reply already."""

    reply: Reply
    code: Explanation
    status: Explanation | None
    cause: Explanation | None
    rule: Rule | None
    inputs: tuple[tuple[str, str], ...]

    @property
    def status_tells(self) -> bool:
        """Does the status say more than the code? "Undefined" does not, nor does success."""
        status = self.reply.status
        return status is not None and find_detail(status) is not None and status.subject > 0 and self.reply.code >= 400

    @property
    def best(self) -> Explanation:
        """The one that knows most about this reply."""
        return self.cause or (self.status if self.status_tells else None) or self.code


def tell(reply: Reply) -> ReplyStory:
    """The story of a reply."""
    cause = reply.cause
    is_ours = cause.kind not in (PEER_SAID, PEER_NONSENSE)
    return ReplyStory(
        reply=reply,
        code=explain_code(reply.code),
        status=None if reply.status is None else explain_status(reply.status),
        cause=explain_cause(cause.kind) if is_ours else None,
        rule=cause.rule,
        inputs=tuple((name, value) for name, value in cause.inputs if value not in reply.text),
    )
