"""DSN: the sender says which reports it wants. RFC 3461.

Promises: RET, ENVID, NOTIFY and ORCPT are kept as they came (same xtext) and passed on to a next hop with DSN; a next
hop without it gets none of them, and the report that is due then is ours (§5.2.2).
"""

import re

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter, Recipient
from heloise.mail.reply import Reply
from heloise.mail.xtext import is_xtext
from heloise.smtp import replies
from heloise.smtp.command import Mail, Rcpt
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "DSN"
RET = "RET"
ENVID = "ENVID"
NOTIFY = "NOTIFY"
ORCPT = "ORCPT"

_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


def advertise(view: ServerView) -> str:
    """No arguments. RFC 3461 §4."""
    return KEYWORD


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """RET=FULL|HDRS (§4.3) and ENVID=xtext of at most 100 characters (§4.4)."""
    ret = command.parameters.get(RET)
    if ret is not None and (ret.value or "").upper() not in ("FULL", "HDRS"):
        return replies.bad_parameter("RET is FULL or HDRS")
    envid = command.parameters.get(ENVID)
    if envid is not None and (not envid.value or len(envid.value) > 100 or not is_xtext(envid.value)):
        return replies.bad_parameter("ENVID is xtext of at most 100 characters")
    return None


def check_rcpt(view: ServerView, command: Rcpt) -> Reply | None:
    """NOTIFY (§4.1) and ORCPT (§4.2)."""
    notify = command.parameters.get(NOTIFY)
    if notify is not None and not _is_notify(notify.value or ""):
        return replies.bad_parameter("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY")
    orcpt = command.parameters.get(ORCPT)
    if orcpt is not None and not _is_original_recipient(orcpt.value or ""):
        return replies.bad_parameter("ORCPT is type;xtext of at most 500 characters")
    return None


def _is_notify(value: str) -> bool:
    wishes = value.upper().split(",")
    return wishes == ["NEVER"] or (set(wishes) <= {"SUCCESS", "FAILURE", "DELAY"} and len(set(wishes)) == len(wishes))


def _is_original_recipient(value: str) -> bool:
    address_type, semicolon, address = value.partition(";")
    if not semicolon or not address or len(value) > 500 or _ADDRESS_TYPE.fullmatch(address_type) is None:
        return False
    # RFC 6533 §3: a utf-8 address may stand as it is, when SMTPUTF8 is in use.
    return is_xtext(address) or (address_type.lower() == "utf-8" and not address.isascii())


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """RET and ENVID unchanged. RFC 3461 §5.2.1."""
    if not envelope.parameters:
        return ()
    return tuple([found for key in (RET, ENVID) if (found := envelope.parameters.get(key)) is not None])


def rcpt_arguments(offer: str, envelope: Envelope, recipient: Recipient) -> tuple[Parameter, ...]:
    """NOTIFY and ORCPT unchanged; none are made up. RFC 3461 §5.2.1.

    A report (null reverse path) goes with NOTIFY=NEVER (RFC 3464 §2).
    """
    if envelope.reverse_path.is_null and NOTIFY not in recipient.parameters:
        return (Parameter(NOTIFY, "NEVER"),)
    if not recipient.parameters:
        return ()
    return tuple([found for key in (NOTIFY, ORCPT) if (found := recipient.parameters.get(key)) is not None])


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """Without DSN at the next hop we send `relayed` to whoever asked for SUCCESS. RFC 3461 §5.2.2."""
    wanted = any(_wants_success(each) for each in envelope.recipients if each.parameters)
    return Downgrade.REPORT_RELAYED if wanted else Downgrade.PROCEED


def _wants_success(recipient: Recipient) -> bool:
    return "SUCCESS" in (recipient.parameters.value(NOTIFY) or "").upper()


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 3461",
    summary="reports of failure, delay and success, as the sender asks",
    advertise=advertise,
    mail_keywords=frozenset({RET, ENVID}),
    rcpt_keywords=frozenset({NOTIFY, ORCPT}),
    check_use=check_use,
    check_rcpt=check_rcpt,
    mail_arguments=mail_arguments,
    rcpt_arguments=rcpt_arguments,
    downgrade=downgrade,
)
