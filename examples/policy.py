"""A policy of one's own, to begin with: `hooks = "policy.py"` in [policy]. Tested by tests/policy/test_hooks.py."""

from heloise.policy import CONTINUE, MessageView, RcptView, Verdict, add_field, later, points, refuse

_MOST_RECIPIENTS = 50
_DANGEROUS = (".exe", ".scr", ".js")


async def on_rcpt(view: RcptView) -> Verdict:
    """Strangers write to few at a time, and not to those who left."""
    if not view.session.is_trusted and len(view.recipients) >= _MOST_RECIPIENTS:
        return later("Too many recipients at once", code=452, status="4.5.3")
    if str(view.forward_path).startswith("<left-"):
        return refuse("They work here no more", status="5.1.6")
    return CONTINUE


async def on_message(view: MessageView) -> Verdict:
    """Attachments that are programs count, and everything is marked as seen."""
    names = [value for value in view.values("Content-Type") if value.lower().rstrip('"').endswith(_DANGEROUS)]
    seen = add_field("X-Seen", view.session.hostname)
    return points(3, f"a program: {names[0]}") | seen if names else seen
