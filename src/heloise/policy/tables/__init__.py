"""Access tables and header checks as Postfix has them, for a file of hooks: what `heloise import-postfix` writes is
made of these. Pure. access(5), header_checks(5).

    SENDERS = Keyed("senders", {"bad.test": (1, "REJECT no mail from you")})
    LISTS = [[Permit.NETWORKS, Check("sender", SENDERS)]]

    async def on_rcpt(view):
        return judge(view, LISTS)

Reading order: actions, lookup, access, content.
"""

from heloise.policy.tables.access import Check, Permit, Refuse, judge
from heloise.policy.tables.actions import ActionError
from heloise.policy.tables.content import ContentRules, judge_content
from heloise.policy.tables.lookup import Always, Keyed, Networks, Patterns, Row

__all__ = [
    "ActionError",
    "Always",
    "Check",
    "ContentRules",
    "Keyed",
    "Networks",
    "Patterns",
    "Permit",
    "Refuse",
    "Row",
    "judge",
    "judge_content",
]
