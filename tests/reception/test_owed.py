"""What a transaction becomes: copies under other reverse paths, and the report that an alias or a list owes."""

from collections.abc import Callable, Sequence

from heloise.dsn.returned import header_of
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.mail.sink import Companion, Refused, SinkAnswer, Submission, Taken
from heloise.reception.admission import Admission
from heloise.reception.desk import ReceptionDesk
from heloise.reception.passing import Passing
from heloise.reception.reception import Reception
from heloise.routing.directory import Directory
from heloise.routing.rewriting import Rewriting
from heloise.routing.router import Router
from heloise.routing.srs import Scheme
from heloise.routing.tables import Alias, LocalDomain, RoutingTables, User
from heloise.smtp import replies
from heloise.smtp.command import Rcpt
from heloise.smtp.events import ContentProposed, ContentReceived, MessageProposed, RecipientProposed
from heloise.smtp.extension import ServerView
from heloise.smtp.limits import SessionLimits
from heloise.testing import SimulatedWorld, run_simulated

CONTENT = b"Subject: party\r\nTo: team@home.test\r\n\r\nAt eight.\r\n"
TABLES = RoutingTables(
    local_domains=(LocalDomain(name="home.test"),),
    users=(User(name="alice"), User(name="bob"), User(name="sender")),
    aliases=(
        Alias(name="team", targets=("alice", "bob")),
        Alias(name="one", targets=("alice",)),
        Alias(name="club", targets=("alice", "bob", "zoe@far.test"), owner="bob"),
        Alias(name="crew", targets=("bob", "yan@far.test"), owner="alice"),
        Alias(name="both", targets=("club", "sender")),
        Alias(name="away", targets=("zoe@far.test",)),
    ),
)
SENDER = "<sender@home.test>"
SCHEME = Scheme(domain="home.test", secrets=(b"a secret",))


class Mailboxes:
    def locked(self, account: str) -> bool:
        return False

    def usage(self, account: str) -> int:
        return 0


class Sink:
    """Takes what it is given, unless it is full."""

    def __init__(self, *, full: bool = False) -> None:
        self.taken: list[tuple[Submission, bytes]] = []
        self.commits = 0
        self.full = full

    def begin(self, submission: Submission) -> "Deposit":
        return Deposit(self, submission)


class Deposit:
    def __init__(self, sink: Sink, submission: Submission) -> None:
        self.sink, self.submission, self.octets = sink, submission, b""

    async def write(self, octets: bytes) -> None:
        self.octets += octets

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        assert facts.size == len(self.octets)
        self.sink.commits += 1
        if self.sink.full:
            return Refused(replies.STORAGE_FULL)
        self.sink.taken.append((self.submission, self.octets))
        for each in companions:
            self.sink.taken.append((each.submission, self.octets if each.octets is None else each.octets))
        return Taken(self.submission.message_id)

    async def abort(self) -> None:
        pass


class Journal:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, session: str, error: Exception) -> None:
        self.faults.append(str(error))

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments, **named: None


def received(
    *recipients: str,
    sender: str = SENDER,
    reports: bool = True,
    full: bool = False,
    rewrites: bool = False,
    content: bytes = CONTENT,
    then: Callable[[Sink, Journal, Reply], None],
) -> None:
    """A message comes in for `recipients`; `then` looks at what became of it."""

    async def run(world: SimulatedWorld) -> None:
        router, sink, journal = Router(TABLES, Mailboxes()), Sink(full=full), Journal()
        desk = ReceptionDesk(
            hostname="mx.home.test",
            sink=sink,
            router=router,
            names=Directory(TABLES),
            queue=None,  # type: ignore[arg-type]
            journal=journal,
            world=world.host("mx.home.test", "192.0.2.1").world,
            route_report=router.route_own if reports else None,
            rewriting=Rewriting(SCHEME, world.clock, router.is_local) if rewrites else None,
        )
        view = ServerView(hostname="mx.home.test", limits=SessionLimits(), permitted=frozenset(), hello_name="c.test")
        admission = Admission(address="192.0.2.7", may_relay=True, permitted=frozenset())
        reception = Passing(Reception(desk, admission, view, "s"))
        envelope = Envelope.parse("\r\n".join((sender, *recipients)).encode())
        for recipient in envelope.recipients:
            command = Rcpt(recipient.forward_path, recipient.parameters)
            await reception.answer(RecipientProposed(command, envelope.reverse_path), lambda line: None)
        await reception.answer(ContentProposed(envelope), lambda line: None)
        for start in range(0, len(content), 1000):
            await reception.note(ContentReceived(content[start : start + 1000]))
        facts = ContentFacts(size=len(content))
        (reply,) = await reception.answer(MessageProposed(envelope, facts), lambda line: None)
        then(sink, journal, reply)

    run_simulated(run, seed=1)


def test_an_alias_with_several_targets_is_reported_as_expanded() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        (message, octets), (report, text) = sink.taken
        assert reply.code == 250
        assert str(message.message_id) in reply.text
        assert [str(each) for each in map(_line, message.envelope.recipients)] == [
            "<alice@home.test> NOTIFY=FAILURE ORCPT=rfc822;team@home.test",
            "<bob@home.test> NOTIFY=FAILURE ORCPT=rfc822;team@home.test",
        ]
        assert report.envelope.encode() == b"<>\r\n<sender@home.test> NOTIFY=NEVER\r\n"
        assert report.routes == (Route.parse("maildir:sender"),)
        assert b"Final-Recipient: rfc822; team@home.test\r\nAction: expanded\r\nStatus: 2.0.0\r\n" in text
        assert b"Original-Envelope-Id: E1\r\n" in text
        assert header_of(octets) in text
        assert b"alice" not in text
        assert b"At eight." not in text

    received("<team@home.test> NOTIFY=SUCCESS,FAILURE", sender=f"{SENDER} ENVID=E1 RET=FULL", then=then)


def _line(recipient: Recipient) -> str:
    return recipient.encode().decode()


def test_nobody_else_earns_the_report() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert len(sink.taken) == 1
        assert journal.faults == []

    received("<team@home.test>", then=then)
    received("<team@home.test> NOTIFY=FAILURE,DELAY", then=then)
    received("<one@home.test> NOTIFY=SUCCESS", "<alice@home.test> NOTIFY=SUCCESS", then=then)
    received("<team@home.test> NOTIFY=SUCCESS", sender="<>", then=then)
    received("<team@home.test> NOTIFY=SUCCESS", sender="<nobody@home.test>", then=then)
    received("<team@home.test> NOTIFY=SUCCESS", reports=False, then=then)


def test_a_message_that_is_not_taken_is_not_reported() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert (reply.code, sink.taken, journal.faults) == (452, [], [])

    received("<team@home.test> NOTIFY=SUCCESS", full=True, then=then)


def test_message_and_report_are_taken_in_one_step() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert (reply.code, len(sink.taken), sink.commits) == (250, 2, 1)
        assert sink.taken[0][0].message_id != sink.taken[1][0].message_id

    received("<team@home.test> NOTIFY=SUCCESS", then=then)


def test_no_more_of_a_large_message_is_kept_for_the_report_than_its_beginning() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert len(sink.taken[0][1]) > 1_000_000
        assert len(sink.taken[1][1]) < 3000

    received("<team@home.test> NOTIFY=SUCCESS", content=CONTENT + b"x" * 1_000_000, then=then)


# Under other reverse paths


def envelopes(sink: Sink) -> list[str]:
    return [submission.envelope.encode().decode() for submission, _ in sink.taken]


def test_mail_to_a_list_is_taken_once_and_goes_to_the_members_from_the_owner() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert envelopes(sink) == [
            "<bob@home.test> SIZE=9\r\n<alice@home.test>\r\n<bob@home.test>\r\n<zoe@far.test>\r\n"
        ]
        assert str(sink.taken[0][0].message_id) in reply.text
        assert sink.taken[0][1].endswith(CONTENT)  # RFC 5321 §3.9.2: the header stays as it is

    received("<club@home.test> NOTIFY=FAILURE", sender=f"{SENDER} SIZE=9 ENVID=E1 RET=FULL", then=then)


def test_a_report_to_a_list_stays_from_nobody() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert envelopes(sink) == ["<>\r\n<alice@home.test>\r\n<bob@home.test>\r\n<zoe@far.test>\r\n"]

    received("<club@home.test>", sender="<>", then=then)


def test_one_transaction_for_two_lists_and_somebody_is_three_messages_in_one_step() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert envelopes(sink) == [
            "<sender@home.test> ENVID=E1\r\n<sender@home.test> NOTIFY=SUCCESS\r\n",
            "<bob@home.test>\r\n<alice@home.test>\r\n<bob@home.test>\r\n<zoe@far.test>\r\n",
            "<alice@home.test>\r\n<yan@far.test>\r\n",
        ]
        assert sink.commits == 1
        contents = {octets for _, octets in sink.taken}
        assert len(contents) == 1, "the same content for all"
        assert len({submission.message_id for submission, _ in sink.taken}) == 3

    received(
        "<club@home.test>",
        "<crew@home.test>",
        "<sender@home.test> NOTIFY=SUCCESS",
        sender=f"{SENDER} ENVID=E1",
        then=then,
    )


def test_a_member_who_is_written_to_himself_gets_that_copy_only() -> None:
    """So that what was asked for with his name counts; whichever comes first."""

    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert envelopes(sink) == [
            "<sender@home.test>\r\n<alice@home.test> NOTIFY=NEVER\r\n",
            "<bob@home.test>\r\n<bob@home.test>\r\n<zoe@far.test>\r\n",
        ]

    received("<club@home.test>", "<alice@home.test> NOTIFY=NEVER", then=then)
    received("<alice@home.test> NOTIFY=NEVER", "<club@home.test>", then=then)


def test_a_list_is_reported_as_delivered_to_whoever_asked() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        (members, _), (report, text) = sink.taken
        assert report.envelope.encode() == b"<>\r\n<sender@home.test> NOTIFY=NEVER\r\n"
        assert b"Final-Recipient: rfc822; club@home.test\r\nAction: delivered\r\nStatus: 2.0.0\r\n" in text
        assert b"Original-Envelope-Id: E1\r\n" in text
        assert members.message_id.encode() in text
        assert b"zoe@far.test" not in text
        assert sink.commits == 1

    received("<club@home.test> NOTIFY=SUCCESS", sender=f"{SENDER} ENVID=E1", then=then)


def test_an_alias_for_a_list_and_somebody_is_reported_as_expanded_and_not_as_delivered() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert len(sink.taken) == 3
        assert b"Action: expanded\r\n" in sink.taken[2][1]
        assert b"Action: delivered\r\n" not in sink.taken[2][1]

    received("<both@home.test> NOTIFY=SUCCESS", then=then)


def test_what_is_forwarded_goes_on_under_a_rewritten_sender_beside_what_stays() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        here, away = envelopes(sink)
        assert here == "<Bob@strange.test> ENVID=E1\r\n<alice@home.test>\r\n"
        assert away.startswith("<SRS0=")
        # RFC 3461 §5.2.7.2: what the sender asked for goes on, since reports come back to him.
        assert away.endswith(
            "=strange.test=Bob@home.test> ENVID=E1\r\n<zoe@far.test> NOTIFY=DELAY ORCPT=rfc822;away@home.test\r\n"
        )
        assert sink.commits == 1

    recipients = "<alice@home.test>", "<away@home.test> NOTIFY=DELAY"
    received(*recipients, sender="<Bob@strange.test> ENVID=E1", rewrites=True, then=then)


def test_a_sender_of_ours_nobody_and_mail_that_is_only_relayed_are_not_rewritten() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert len(sink.taken) == 1
        assert b"SRS" not in sink.taken[0][0].envelope.encode()

    received("<away@home.test>", rewrites=True, then=then)
    received("<away@home.test>", sender="<>", rewrites=True, then=then)
    received("<someone@far.test>", sender="<bob@strange.test>", rewrites=True, then=then)
    received("<away@home.test>", sender="<bob@strange.test>", rewrites=False, then=then)


def test_a_list_hides_the_sender_so_there_is_nothing_to_rewrite() -> None:
    def then(sink: Sink, journal: Journal, reply: Reply) -> None:
        assert [each.partition("\r\n")[0] for each in envelopes(sink)] == ["<bob@home.test>"]

    received("<club@home.test>", sender="<bob@strange.test>", rewrites=True, then=then)
