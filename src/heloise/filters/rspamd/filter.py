"""rspamd as a filter of the policy: each message is POSTed to /checkv2. docs.rspamd.com, Protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

from heloise.filters.rspamd.answer import LONGEST_ANSWER, RspamdError, verdict_of
from heloise.filters.trouble import DefaultAction
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import printable
from heloise.mail.xtext import encode_xtext
from heloise.policy.check import OnTrouble
from heloise.policy.stage import Stage
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import MessageView, View
from heloise.smtp import replies
from heloise.world import HttpRequest, LinkError, World

NAME: Final = "rspamd"
_OK: Final = 200
_MARGIN: Final = 10.0  # seconds beside the time of the request, before a bug of ours is assumed


@dataclass(frozen=True, slots=True, kw_only=True)
class RspamdOptions:
    """`url` is that of a worker (http://127.0.0.1:11333); messages larger than `max_size` octets are not sent to it;
    `timeout` in seconds; `rule` says where it is written."""

    url: str
    password: str | None = None
    timeout: float = 30.0
    max_size: int = 20 << 20
    default_action: DefaultAction = DefaultAction.TEMPFAIL
    rule: Rule | None = None


class RspamdFilter:
    """See `heloise.policy.filter.Filter`. `tell` is given (session, name, trouble) for the log."""

    name = NAME
    stages = frozenset({Stage.MESSAGE})
    on_trouble = OnTrouble.LATER

    def __init__(self, options: RspamdOptions, world: World, tell: Callable[[str, str, str], None]) -> None:
        self.options = options
        self.world = world
        self.tell = tell

    @property
    def deadline(self) -> float:
        """Seconds that one answer may take."""
        return self.options.timeout + _MARGIN

    def follow(self, session: str) -> "RspamdFollower":
        """It sees messages only."""
        return RspamdFollower(self, session)


class RspamdFollower:
    """One session."""

    def __init__(self, owner: RspamdFilter, session: str) -> None:
        self._owner = owner
        self._session = session

    async def judge(self, view: View) -> Verdict:
        """The word about a message."""
        options = self._owner.options
        if not isinstance(view, MessageView) or len(view.header) + view.body.size > options.max_size:
            return CONTINUE
        try:
            answer = await self._owner.world.http.post(
                request_for(view, options), view.chunks(), timeout=options.timeout, most_body=LONGEST_ANSWER
            )
            if answer.status != _OK:
                raise RspamdError(f"{answer.status} {answer.reason}")
            return verdict_of(answer.body, view, options.rule)
        except (LinkError, RspamdError) as error:
            self._owner.tell(self._session, NAME, printable(f"{options.url}: {error}"))
            return self._for_trouble()

    async def forget(self) -> None:
        """It does not know of transactions."""

    async def close(self) -> None:
        """Nor of sessions."""

    def _for_trouble(self) -> Verdict:
        options = self._owner.options
        action = options.default_action
        cause = causes.RSPAMD_TROUBLE.because(options.rule, default_action=action.value)
        match action:
            case DefaultAction.ACCEPT:
                return CONTINUE
            case DefaultAction.QUARANTINE:
                return Verdict(hold=cause)
            case DefaultAction.REJECT:
                return Verdict(refusal=replies.MILTER_REJECTED.with_cause(cause))
            case DefaultAction.TEMPFAIL:
                return Verdict(refusal=replies.MILTER_LATER.with_cause(cause))
            case _:
                assert_never(action)


def request_for(view: MessageView, options: RspamdOptions) -> HttpRequest:
    """The message as it is, and what we know of its session in headers."""
    session, envelope = view.session, view.envelope
    mailbox = envelope.reverse_path.mailbox
    told = {
        "Queue-Id": view.message_id,
        "From": "" if mailbox is None else str(mailbox),
        "Helo": session.hello_name,
        "MTA-Name": session.hostname,
        "MTA-Tag": "heloise",
    }
    if session.address is not None:
        told["IP"] = session.client
    if session.user is not None:
        told["User"] = session.user
    if session.encryption is not None:
        told |= {"TLS-Version": session.encryption.version, "TLS-Cipher": session.encryption.cipher}
    if options.password is not None:
        told["Password"] = options.password
    recipients = [str(each.forward_path).strip("<>") for each in envelope.recipients]
    return HttpRequest(
        url=f"{options.url.rstrip('/')}/checkv2",
        headers={name: _ascii(value) for name, value in told.items()},
        repeated=tuple([("Rcpt", _ascii(each)) for each in recipients]),
        size=len(view.header) + view.body.size,
    )


def _ascii(value: str) -> str:
    """A header of HTTP has neither line breaks nor octets above 127: those leave as UTF-8 in the way of URLs."""
    clean = printable(value)
    return clean if clean.isascii() else encode_xtext(clean.encode().decode("latin-1")).replace("+", "%")
