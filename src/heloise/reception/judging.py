"""What a session asks the policy: the views are made here, and only where somebody wants to see one."""

from collections.abc import Sequence

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.path import ReversePath
from heloise.mail.reply import Reply
from heloise.policy.fields import change_header
from heloise.policy.meters import Metered
from heloise.policy.pipeline import Following, PolicyPipeline
from heloise.policy.stage import Stage
from heloise.policy.verdict import Verdict
from heloise.policy.views import (
    ConnectView,
    DataView,
    HelloView,
    LookupView,
    MailView,
    MessageView,
    RcptView,
    RefusedView,
    SessionView,
    UnknownView,
)
from heloise.reception.admission import Admission
from heloise.reception.completing import Completion, complete
from heloise.reception.held import HeldContent
from heloise.routing.propagate import Onward
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import ServerView
from heloise.world import AnyEndpoint, Clock, Endpoint


class Judging:
    """One session's way to the policy. Each question gives the reply to be said, or None to go on."""

    def __init__(
        self,
        pipeline: PolicyPipeline,
        admission: Admission,
        view: ServerView,
        session: str,
        clock: Clock,
        local: AnyEndpoint | None,
    ) -> None:
        self._following: Following = pipeline.follow(session)
        self._admission = admission
        self._view = view
        self._session_id = session
        self._clock = clock
        self._local = local
        self._role, self._listener = pipeline.role, pipeline.listener
        self._stages = stages = pipeline.stages
        self.spool_directory = pipeline.spool_directory
        self.holds_content = Stage.MESSAGE in stages
        self._metering = pipeline.metering
        self._recipients: list[Recipient] = []
        self._is_open = False  # has MAIL been asked about, and its transaction not ended?

    async def connected(self) -> Reply | None:
        """Before the greeting."""
        if Stage.CONNECT not in self._stages:
            return None
        verdict = await self._following.judge(ConnectView(session=self._session()))
        return None if verdict.refusal is None else replies.instead_of_greeting(self._view.hostname, verdict.refusal)

    async def introduced(self, admission: Admission) -> Reply | None:
        """Another server speaks for the client from now on: all begins anew (XCLIENT)."""
        self._admission = admission
        await self._following.restart()
        return await self.connected()

    async def hello(self, name: str) -> Reply | None:
        """EHLO, HELO or LHLO."""
        if Stage.HELLO not in self._stages:
            return None
        return (await self._following.judge(HelloView(session=self._session(), name=name))).refusal

    async def mail(self, command: Mail) -> Reply | None:
        """MAIL."""
        self._is_open = True
        if Stage.MAIL not in self._stages:
            return None
        view = MailView(session=self._session(), reverse_path=command.reverse_path, parameters=command.parameters)
        return (await self._following.judge(view)).refusal

    async def recipient(
        self, recipient: Recipient, reverse_path: ReversePath, onward: Sequence[Onward]
    ) -> Reply | None:
        """RCPT of one that the router takes."""
        if Stage.RCPT in self._stages:
            view = RcptView(
                session=self._session(),
                reverse_path=reverse_path,
                forward_path=recipient.forward_path,
                parameters=recipient.parameters,
                mail_parameters=self._mail_parameters,
                recipients=tuple(self._recipients),
                routes=tuple([each.route for each in onward]),
            )
            refusal = (await self._following.judge(view)).refusal
            if refusal is not None:
                return refusal
        self._recipients.append(recipient)
        return None

    async def data(self, envelope: Envelope, message_id: MessageId | None) -> Reply | None:
        """DATA, or the first BDAT. The id of the message is known where it will be looked at as a whole."""
        if Stage.DATA not in self._stages:
            return None
        return (
            await self._following.judge(DataView(session=self._session(), envelope=envelope, message_id=message_id))
        ).refusal

    async def lookup(self, verb: str, text: str) -> Reply | None:
        """VRFY or EXPN."""
        if Stage.LOOKUP not in self._stages:
            return None
        return (await self._following.judge(LookupView(session=self._session(), verb=verb, text=text))).refusal

    async def unknown(self, line: str) -> Reply | None:
        """A command that there is not."""
        if Stage.UNKNOWN not in self._stages:
            return None
        return (await self._following.judge(UnknownView(session=self._session(), line=line))).refusal

    async def refused(self, recipient: Recipient, reverse_path: ReversePath, reply: Reply) -> None:
        """RCPT of one whom the router does not take, for those who want to know."""
        if Stage.REFUSED in self._stages:
            view = RefusedView(
                session=self._session(),
                reverse_path=reverse_path,
                forward_path=recipient.forward_path,
                parameters=recipient.parameters,
                reply=reply,
            )
            await self._following.judge(view)

    async def message(
        self, envelope: Envelope, facts: ContentFacts, content: HeldContent, completion: Completion | None
    ) -> tuple[Verdict, MessageView]:
        """The whole message: the word about it, and the message as it is to be stored. Raises OSError."""
        header = await content.finish()
        view = MessageView(
            session=self._session(),
            envelope=envelope,
            message_id=content.message_id,
            facts=facts,
            header=header if completion is None else complete(header, completion),
            body=content,
        )
        return await self._following.judge_message(view)

    def fields(self) -> bytes:
        """The header fields that were wished for before the message came."""
        changes = self._following.standing.changes
        return change_header(b"", changes) if changes else b""

    @property
    def standing(self) -> Verdict:
        """What was said about this session and transaction."""
        return self._following.standing

    async def forget(self) -> None:
        """The transaction is over."""
        if self._is_open:
            self._is_open = False
            self._recipients.clear()
            await self._following.forget()

    def took(self, size: int) -> None:
        """A message of so many octets was taken."""
        if self._metering is not None:
            self._metering.spend(self._session(), Metered.OCTETS, size, now=self._clock.monotonic())

    async def close(self, refused: int) -> None:
        """The session is over; so many proposals were refused in it."""
        errors = self._view.errors + refused
        if self._metering is not None and errors:
            self._metering.spend(self._session(), Metered.ERRORS, errors, now=self._clock.monotonic())
        await self._following.close()

    @property
    def _mail_parameters(self) -> Parameters:
        assert self._view.mail is not None
        return self._view.mail.parameters

    def _session(self) -> SessionView:
        view, admission = self._view, self._admission
        local = admission.local or self._local  # where a proxy says that its client has connected to
        endpoint = local if isinstance(local, Endpoint) else Endpoint("" if local is None else str(local), 0)
        return SessionView(
            session=self._session_id,
            client=admission.address,
            client_port=admission.port,
            client_name=admission.name,
            local=endpoint.host,
            local_port=endpoint.port,
            role=self._role,
            listener=self._listener,
            hostname=view.hostname,
            may_relay=admission.may_relay,
            hello_name=view.hello_name,
            is_esmtp=view.is_esmtp,
            encryption=view.encryption,
            user=view.authenticated_as,
            mechanism=view.authenticated_by,
            now=self._clock.now(),
        )
