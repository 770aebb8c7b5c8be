"""The human part of a report: what happened, in the peer's words and ours, and what to do. RFC 6522 §3 (1)."""

import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from heloise.dsn.fields import clean, decoded, words_of
from heloise.dsn.report import RecipientReport, Report
from heloise.mail import causes
from heloise.mail.outcome import Action
from heloise.mail.trace import mail_date

SUBJECTS: Mapping[Action, str] = MappingProxyType(
    {
        Action.FAILED: "Your message could not be delivered",
        Action.DELAYED: "Your message is delayed",
        Action.DELIVERED: "Your message has been delivered",
        Action.RELAYED: "Your message has been passed on",
        Action.EXPANDED: "Your message has been passed on to several",
    }
)
_HEADLINES: Mapping[Action, str] = MappingProxyType(
    {
        Action.FAILED: "It could not be delivered to the following, and will not be tried again:",
        Action.DELAYED: "It could not be delivered to the following yet; it is still being tried, so there is no need "
        "to send it again:",
        Action.DELIVERED: "It has been delivered to the following:",
        Action.RELAYED: "It was passed on for the following, to a server that sends no further reports of success:",
        Action.EXPANDED: "It was passed on to all who are behind the following; there will be no further reports of "
        "success:",
    }
)
# What a peer's enhanced status means, and what the sender can do: RFC 3463 §3, by subject and detail.
_MEANINGS: Mapping[tuple[int, int], tuple[str, str]] = MappingProxyType(
    {
        (1, 1): ("There is no such mailbox there.", "Check the part before the @."),
        (1, 2): ("There is no such domain.", "Check the part after the @."),
        (1, 3): ("The address is written wrongly.", "Check the address."),
        (1, 6): ("The mailbox has moved.", "Ask for the new address; what the server says may name it."),
        (1, 8): ("The server does not accept your own address.", "Ask who runs your mail."),
        (1, 10): ("The domain takes no mail at all.", "Reach the recipient in another way."),
        (2, 1): ("The mailbox is switched off.", "Reach the recipient in another way."),
        (2, 2): ("The mailbox is full.", "Ask the recipient to make room, and send it again."),
        (2, 3): ("The message is too large for this mailbox.", "Send a smaller one."),
        (3, 4): ("The message is too large for the server.", "Send a smaller one."),
        (4, 6): ("The message goes in circles.", "Tell who runs the mail of the recipient."),
        (6, 7): ("The server can not take an address with other than ASCII letters.", "Ask for an ASCII address."),
        (7, 1): ("A rule of the server does not let the message pass.", "Ask who runs that server, with this report."),
    }
)


def subject(report: Report) -> str:
    """The worst that is reported is the subject; the order of SUBJECTS is from bad to good."""
    actions = {item.action for item in report.recipients}
    return next(text for action, text in SUBJECTS.items() if action in actions)


def human_part(report: Report) -> str:
    """The text, lines of at most 76 characters where words allow, parted by LF."""
    lines = [
        f"This is the mail server {report.reporting_mta}.",
        "",
        *_wrapped(
            f"It took a message from you on {mail_date(report.arrived)} and gave it the id {report.original_id}."
        ),
    ]
    for action, headline in _HEADLINES.items():
        concerned = [item for item in report.recipients if item.action is action]
        if concerned:
            lines += ["", *_wrapped(headline)]
            for item in concerned:
                lines += ["", *_about(item)]
    whole = "your message" if report.returned.complete else "the header of your message"
    lines += ["", *_wrapped(f"Attached are the same facts in a form for programs, and {whole}."), ""]
    return "\n".join(lines)


def _about(item: RecipientReport) -> Iterator[str]:
    yield f"  {_name(item)}"
    speaker = "This server says" if item.remote_mta is None else f"{clean(item.remote_mta, utf8=True)} said"
    yield from _wrapped(f"{speaker}: {clean(item.diagnostic, utf8=True)}", "      ")
    meaning, advice = _explained(item)
    if meaning:
        yield from _wrapped(f"What it means: {meaning}", "      ")
    if item.will_retry_until is not None:
        yield from _wrapped(f"It will be tried until {mail_date(item.will_retry_until)}.", "      ")
    if advice and item.action is Action.FAILED:
        yield from _wrapped(f"What to do: {advice}", "      ")


def _explained(item: RecipientReport) -> tuple[str, str]:
    """Meaning and advice, by the peer's status or by our own cause; empty when success needs no words."""
    if item.cause is None or item.status.klass == 2:
        return "", ""
    if item.cause.kind is not causes.PEER_SAID:
        return item.cause.kind.meaning, item.cause.kind.advice
    return _MEANINGS.get((item.status.subject, item.status.detail), ("", causes.PEER_SAID.advice))


def _name(item: RecipientReport) -> str:
    """The address as the sender wrote it, when that is known."""
    path = str(item.recipient.forward_path)
    orcpt = item.recipient.parameters.value("ORCPT")
    if orcpt is None or not orcpt.lower().startswith("rfc822;"):
        return clean(path, utf8=True)
    original = f"<{clean(decoded(orcpt.partition(';')[2]))}>"
    return original if original == path else f"{original} (now {clean(path, utf8=True)})"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        " ".join(words_of(text)),
        76,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
