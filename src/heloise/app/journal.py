"""From what happens to the log and the passports: the journal of sessions and deliveries. Never content or secrets."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from heloise.delivery.journal import AttemptEnded
from heloise.mail import causes
from heloise.mail.attributes import Attributes
from heloise.mail.cause import Cause
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.ids import MessageId
from heloise.mail.outcome import Outcome
from heloise.mail.reply import Reply, printable
from heloise.mail.sink import Submission
from heloise.observe.counts import BOUNDS, Counts
from heloise.passport.entries import (
    OWN_SESSION,
    Accepted,
    Answered,
    Attempted,
    Commanded,
    Ended,
    Faulted,
    Office,
    Opened,
)
from heloise.queue.model import QueuedMessage, QueuedRecipient, Redirection, Touched
from heloise.routing.tables import RoutingTables
from heloise.smtp.events import CredentialsProposed, MailProposed, Proposal, RecipientProposed
from heloise.world import LinkError

Emit: TypeAlias = Callable[[str, str, dict[str, object]], None]
"""(level, event, fields) → the log. Levels: debug, info, warning, error."""


class Journal:
    """See `heloise.reception.desk.Journal`; the deliverer tells its part here as well."""

    def __init__(self, emit: Emit) -> None:
        self.counts = Counts()
        self._emit = emit
        self._office: Office | None = None
        self._now: Callable[[], float] | None = None

    def keep_time(self, now: Callable[[], float]) -> None:
        """From now on durations are counted; `now` gives seconds since the epoch."""
        self._now = now

    def keep_passports(self, office: Office) -> None:
        """From now on `office` is told as well."""
        self._office = office

    def opened(self, session: str, peer: str) -> None:
        """A client has connected."""
        self.counts.sessions += 1
        self._emit("debug", "session.opened", {"session": session, "peer": peer})
        if self._office is not None:
            self._office.record(Opened(session, self._office.now(), peer))

    def granted(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """A hello, a user or a recipient was accepted."""
        if isinstance(proposal, CredentialsProposed):
            self.counts.authenticated[proposal.mechanism] += 1
            fields = {"mechanism": proposal.mechanism, "user": printable(proposal.question.user)}
            self._emit("info", "session.authenticated", {"session": session, **fields})
        if self._office is not None:
            self._office.record(Answered(session, self._office.now(), proposal, reply))

    def accepted(self, session: str, submission: Submission, facts: ContentFacts) -> None:
        """Responsibility was taken."""
        counts = self.counts
        counts.messages += 1
        counts.recipients += len(submission.envelope.recipients)
        counts.octets += facts.size
        fields: dict[str, object] = {
            "session": session,
            "message": submission.message_id,
            "peer": submission.origin.peer_address,
            "hello": submission.origin.hello_name,
            "sender": str(submission.envelope.reverse_path),
            "recipients": [str(recipient.forward_path) for recipient in submission.envelope.recipients],
            "size": facts.size,
        }
        if facts.mended:
            fields["mended_line_endings"] = facts.mended
        if submission.origin.encryption is not None:
            fields["tls"] = str(submission.origin.encryption)
        if submission.origin.forwarded is not None:
            fields["forwarded"] = str(submission.origin.forwarded)
        self._emit("info", "message.accepted", fields)
        if self._office is not None:
            self._office.record(Accepted(submission.message_id, self._office.now(), session, submission, facts))

    def refused(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """A proposal was refused."""
        fields: dict[str, object] = {"session": session, "reply": str(reply), **_cause(reply)}
        if isinstance(proposal, RecipientProposed):
            fields["recipient"] = str(proposal.command.forward_path)
        elif isinstance(proposal, MailProposed):
            fields["sender"] = str(proposal.command.reverse_path)
        elif isinstance(proposal, CredentialsProposed):
            fields |= {"mechanism": proposal.mechanism, "user": printable(proposal.question.user)}
        self._emit("info", "command.refused", fields)
        if self._office is not None:
            self._office.record(Answered(session, self._office.now(), proposal, reply))

    def judged(self, session: str, message_id: MessageId, cause: Cause) -> None:
        """A message was taken, and is thrown away or held, since the policy says so."""
        self._emit("info", "message.judged", {"session": session, "message": message_id, **_cause_fields(cause)})

    def policy_trouble(self, session: str, check: str, trouble: str) -> None:
        """A check, filter or hook took too long or failed."""
        self._emit("error", "policy.trouble", {"session": session, "check": check, "trouble": printable(trouble)})

    def secured(self, session: str, encryption: Encryption) -> None:
        """A session runs under TLS now."""
        self.counts.tls[encryption.version] += 1
        self._emit("debug", "session.secured", {"session": session, "tls": str(encryption)})

    def not_secured(self, session: str, peer: str, error: LinkError) -> None:
        """A handshake has failed; the internet is full of clients that try some."""
        self.counts.not_secured += 1
        fields: dict[str, object] = {"session": session, "peer": peer, "cause": "tls.failed", "trouble": str(error)}
        self._emit("info", "session.not-secured", fields)

    def spoken_for(self, session: str, peer: str, claim: Attributes) -> None:
        """XCLIENT: from now on the client is another."""
        self._emit("info", "session.spoken-for", {"session": session, "peer": peer, "claim": printable(str(claim))})
        if self._office is not None:
            self._office.record(Opened(session, self._office.now(), peer))

    def not_introduced(self, peer: str, trouble: str) -> None:
        """A connection without the header that a proxy sends first."""
        self._emit(
            "info", "session.not-introduced", {"peer": peer, "cause": causes.PROXY_HEADER.id, "trouble": trouble}
        )

    def turned_away(self, peer: str, count: int, reply: Reply) -> None:
        """Connections that got no session."""
        self._emit("info", "session.turned-away", {"peer": peer, "count": count, "reply": str(reply), **_cause(reply)})

    def ended(self, session: str, *, lost: bool) -> None:
        """A session is over."""
        self.counts.sessions_ended += 1
        self.counts.sessions_lost += lost
        self._emit("debug", "session.ended", {"session": session, "lost": lost})
        if self._office is not None:
            self._office.record(Ended(session, self._office.now(), lost))

    def fault(self, session: str, error: Exception) -> None:
        """A trouble of our own."""
        self.counts.faults["session"] += 1
        self._emit("error", "session.fault", {"session": session, "error": f"{type(error).__name__}: {error}"})
        if self._office is not None:
            self._office.record(Faulted(session, self._office.now(), error))

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        """One attempt for one recipient."""
        self.counts.attempts[outcome.action.value, outcome.stage.value] += 1
        level = "info" if outcome.is_final else "warning"
        fields: dict[str, object] = {
            "message": message.message_id,
            "session": message.origin.session,
            "recipient": str(recipient.recipient.forward_path),
            "route": str(recipient.route),
            "action": outcome.action.value,
            "stage": outcome.stage.value,
            "reply": str(outcome.reply),
            **_cause(outcome.reply),
        }
        if outcome.remote_mta is not None:
            fields["remote_mta"] = outcome.remote_mta
        self._emit(level, "delivery.attempted", fields)

    def attempt_ended(self, attempt: AttemptEnded) -> None:
        """The whole of an attempt, with the reports that are sent about it."""
        if self._now is not None:
            seconds, durations = self._now() - attempt.begun, self.counts.attempt_seconds
            durations.buckets[bisect_left(BOUNDS, seconds)] += 1
            durations.total += seconds
        if self._office is None:
            return
        now = self._office.now()
        self._office.record(Attempted(attempt.message.message_id, now, attempt))
        for report in attempt.settlement.reports:
            submission = report.submission
            self._office.record(Accepted(submission.message_id, now, OWN_SESSION, submission, report.facts))

    def commanded(self, command: str, touched: Sequence[Touched], to: Redirection | None = None) -> None:
        """What an operator did to recipients."""
        if self._office is None:
            return
        now = self._office.now()
        for message_id, group in groupby(touched, key=lambda each: each.message_id):
            recipients = tuple(each.recipient for each in group)
            self._office.record(Commanded(message_id, now, command, recipients, to))

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        """An attempt ended by a bug or an unexpected trouble; the recipients are tried again."""
        self.counts.faults["delivery"] += 1
        self._emit("error", "delivery.fault", {"message": message_id, "error": f"{type(error).__name__}: {error}"})
        if self._office is not None and message_id != "-":
            self._office.record(Faulted(message_id, self._office.now(), error))

    def passport_trouble(self, trouble: str) -> None:
        """Passports are not written, or were damaged; mail goes on."""
        self._emit("warning", "passport.trouble", {"trouble": trouble})

    def inbox_trouble(self, trouble: str) -> None:
        """The file of the inbox can not be written, or not all of it be read."""
        self._emit("error", "inbox.trouble", {"trouble": trouble})

    def tables_read(self, tables: RoutingTables) -> None:
        """Files of names have changed, and what is in them holds from now on."""
        counts = {"aliases": len(tables.aliases), "users": len(tables.users), "domains": len(tables.local_domains)}
        self._emit("info", "tables.read", {**counts, "forwards": len(tables.forwards)})

    def tables_broken(self, problem: str) -> None:
        """A file of names can not be used as it is now; what was read before still holds."""
        self._emit("error", "tables.broken", {"problem": problem})

    def certificates_read(self, files: Sequence[str]) -> None:
        """Files of certificates have changed, and what is in them holds from now on."""
        self._emit("info", "tls.certificates-read", {"files": list(files)})

    def certificates_broken(self, problem: str) -> None:
        """A file of a certificate can not be used as it is now; what was read before still holds."""
        self._emit("error", "tls.certificates-broken", {"problem": problem})

    def pressure(self, cause: Cause | None) -> None:
        """There is too little memory, or are too few descriptors, for more; with None there are enough again."""
        if cause is None:
            self._emit("info", "server.relieved", {})
        else:
            self._emit("error", "server.pressed", _cause_fields(cause))

    def hooks_read(self, path: str, stages: Sequence[str]) -> None:
        """The file of hooks has changed, and holds from now on."""
        self._emit("info", "hooks.read", {"file": path, "stages": list(stages)})

    def hooks_broken(self, problem: str) -> None:
        """The file of hooks can not be used as it is now; what was loaded before still holds."""
        self._emit("error", "hooks.broken", {"problem": printable(problem)})

    def users_broken(self, problem: str) -> None:
        """The file of users can not be used as it is now; what was read before still holds."""
        self._emit("error", "users.broken", {"problem": problem})

    def reloaded(self, changed: Sequence[str], kept: Sequence[str]) -> None:
        """Another configuration holds from now on."""
        self._emit("info", "server.reloaded", {"changed": list(changed), "kept": list(kept)})

    def as_root(self) -> None:
        """The server is root, and would give an intruder everything."""
        self._emit("warning", "server.runs-as-root", {})

    def fails_on_purpose(self, rules: int) -> None:
        """The server is one for tests, and fails by so many rules."""
        self._emit("warning", "server.fails-on-purpose", {"rules": rules})

    def not_recorded(self, problem: str) -> None:
        """Sessions can not be written to the file of [recording]; no more are recorded."""
        self._emit("error", "server.not-recorded", {"problem": problem})

    def log_not_reopened(self, problem: str) -> None:
        """The log goes on in the old file."""
        self._emit("error", "server.log-not-reopened", {"problem": problem})

    def reload_refused(self, problem: str) -> None:
        """Another configuration was wanted and is wrong; the old one still holds."""
        self._emit("error", "server.reload-refused", {"problem": problem})

    def server(self, event: str, **fields: object) -> None:
        """Starting, listening, stopping."""
        self._emit("info", f"server.{event}", fields)


def _cause(reply: Reply) -> dict[str, object]:
    return _cause_fields(reply.cause)


def _cause_fields(cause: Cause) -> dict[str, object]:
    fields: dict[str, object] = {"cause": cause.id}
    if cause.rule is not None:
        fields["rule"] = str(cause.rule)
    if cause.inputs:
        fields["inputs"] = dict(cause.inputs)
    return fields
