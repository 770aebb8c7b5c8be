"""What HELP says: 214 with the commands this client may use, or the form of one of them. RFC 5321 §4.1.1.8."""

from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.mail.status import EnhancedStatus
from heloise.smtp import replies
from heloise.smtp.extension import ServerView
from heloise.smtp.extensions.help import CORE_VERBS
from heloise.smtp.registry import Registry

_STATUS = EnhancedStatus(2, 0, 0)


def help_reply(view: ServerView, registry: Registry, topic: str) -> Reply:
    """214 for no topic or a known one (upper case), 504 for an unknown one."""
    verbs = _verbs(view, registry)
    if not topic:
        return _help(["Commands:", *[f"  {form:<40} {summary}" for form, summary in verbs.values()]])
    if topic in verbs:
        form, summary = verbs[topic]
        return _help([form, f"  {summary}"])
    return replies.reply(
        504, "5.3.0", "No help on that; HELP lists the topics", causes.HELP_UNKNOWN.because(topic=topic)
    )


def _verbs(view: ServerView, registry: Registry) -> dict[str, tuple[str, str]]:
    hellos = {"EHLO", "HELO"} if view.is_lmtp else {"LHLO"}
    known = {verb: entry for verb, entry in CORE_VERBS.items() if verb not in hellos}
    for verb, (extension, spec) in registry.verbs.items():
        if extension.keyword in view.permitted:
            known[verb] = (spec.form, spec.summary)
    return known


def _help(lines: list[str]) -> Reply:
    return Reply(code=214, status=_STATUS, lines=tuple(lines), cause=causes.HELP_TOPICS.because())
