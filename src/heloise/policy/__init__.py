"""May this pass? What checks, filters and hooks may look at, what they say, and how it becomes one word.

Reading order: stage, views, changes, verdict, check, following, pipeline. A check is one file in `checks/`; a filter
follows whole sessions and may change messages. What is named here is promised to those who write hooks.
"""

from heloise.policy.changes import (
    NO_CHANGES,
    AddField,
    AddRecipient,
    Change,
    ChangeField,
    ChangeSender,
    InsertField,
    RemoveRecipient,
    ReplaceBody,
)
from heloise.policy.stage import Stage
from heloise.policy.verdict import (
    CONTINUE,
    Points,
    Verdict,
    add_field,
    change,
    combine,
    discard,
    hold,
    later,
    points,
    refuse,
    tag,
)
from heloise.policy.views import (
    ConnectView,
    DataView,
    HelloView,
    ListenerRole,
    LookupView,
    MailView,
    MessageView,
    RcptView,
    RefusedView,
    SessionView,
    UnknownView,
    View,
)

__all__ = [
    "CONTINUE",
    "NO_CHANGES",
    "AddField",
    "AddRecipient",
    "Change",
    "ChangeField",
    "ChangeSender",
    "ConnectView",
    "DataView",
    "HelloView",
    "InsertField",
    "ListenerRole",
    "LookupView",
    "MailView",
    "MessageView",
    "Points",
    "RcptView",
    "RefusedView",
    "RemoveRecipient",
    "ReplaceBody",
    "SessionView",
    "Stage",
    "UnknownView",
    "Verdict",
    "View",
    "add_field",
    "change",
    "combine",
    "discard",
    "hold",
    "later",
    "points",
    "refuse",
    "tag",
]
