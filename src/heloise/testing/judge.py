"""The judge: collects what was said and done about each letter, and pronounces whether mail was kept faithfully.

    judge = Judge(world.clock)
    letter = judge.write("alice@home.example", ["bob@away.example"], b"At noon?\\r\\n")
    attempt = judge.attempt(letter, "client.example")         # from now on the server may have it
    attempt.accepted("bob@away.example", "250 2.0.0 taken")   # or refused; nothing said means that nobody knows
    judge.arrived("mx.away.example", "alice@home.example", ["bob@away.example"], octets)
    judge.pronounce(queued)                                   # raises JudgementError

The law (RFC 5321 §4.2.5, §6.1):

- lost: every accepted recipient is delivered, reported to the sender or in a queue, whenever it is asked;
- changed: content arrives as it was sent, trace fields aside, and so does the reverse path;
- crossed: nobody gets a letter that was not for him;
- refused: what was refused is neither delivered nor reported, unless some attempt left it in doubt;
- reports: none for the null reverse path, none about a report, none but from the null path to the sender;
- grounds: nobody is given up before his time unless somebody said so for good;
- doubled: a second copy, or a copy and a failure, needs an excuse: a crash, a lost reply, a client that tried twice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from heloise.testing.letters import Found, FoundLetter, FoundReport, Letter, Stranger, read_mail, write_letter
from heloise.world import Clock, Files

SETTLED_AFTER = 120.0  # seconds after which a server has stored what came of an attempt, if nothing came in between


class JudgementError(AssertionError):
    """The law was broken; the message tells how, with the history of each letter concerned."""

    def __init__(self, violations: Sequence["Violation"], histories: Mapping[str, Sequence[str]]) -> None:
        lines = [f"{violation.law}: {violation.text}" for violation in violations]
        for token in dict.fromkeys(violation.token for violation in violations):
            lines += [f"the history of letter {token}:", *(f"  {line}" for line in histories.get(token, ()))]
        super().__init__("\n".join(lines))
        self.violations = tuple(violations)


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach: of which law, about which letter."""

    law: str
    token: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A message that was seen in a queue: where, under which envelope, for whom it is still tried."""

    place: str
    sender: str
    recipients: tuple[str, ...]
    found: Found


@dataclass(slots=True)
class _Case:
    """What is known about one letter and one recipient of it."""

    accepted: int = 0
    refused: int = 0
    in_doubt: int = 0
    accepted_at: float | None = None
    crashes: int = 0  # while it was on its way
    arrivals: list[str] = field(default_factory=list)
    last_arrival: float = 0.0
    failures: set[str] = field(default_factory=set)  # ids of reports

    @property
    def excuses(self) -> int:
        """Copies that clients themselves may have caused."""
        return max(0, self.accepted + self.in_doubt - 1)


@dataclass(slots=True)
class _Report:
    """What is known about one report."""

    token: str
    to: str
    arrivals: int = 0


class Attempt:
    """One try of a client to hand over a letter. In doubt for every recipient of whom nothing is said."""

    def __init__(self, judge: "Judge", letter: Letter, client: str, recipients: Sequence[str]) -> None:
        self._judge = judge
        self._letter = letter
        self._client = client
        self._recipients = recipients
        for recipient in recipients:
            judge.told(letter, recipient, "in_doubt", 1)
        judge.note(letter.token, f"{client} sends it for {', '.join(recipients)}")

    def accepted(self, recipient: str, reply: str) -> None:
        """The client was told that the server takes responsibility."""
        self._judge.told(self._letter, recipient, "in_doubt", -1)
        self._judge.told(self._letter, recipient, "accepted", 1)
        self._judge.note(self._letter.token, f"{self._client} is told {reply!r} for {recipient}: accepted")

    def refused(self, recipient: str, reply: str) -> None:
        """The client was told that it does not, or the final dot was never sent."""
        self._judge.told(self._letter, recipient, "in_doubt", -1)
        self._judge.told(self._letter, recipient, "refused", 1)
        self._judge.note(self._letter.token, f"{self._client} is told {reply!r} for {recipient}: refused")


class Judge:
    """See the module. `aliases` says what becomes of an address; `expire_after` when mail may be given up (seconds).

    Excuses and grounds are filed under an address, so addresses that only one letter uses make for sharper judgements.
    """

    def __init__(
        self, clock: Clock, *, aliases: Mapping[str, Sequence[str]] | None = None, expire_after: float | None = None
    ) -> None:
        self._clock = clock
        self._aliases = aliases if aliases is not None else {}
        self._expire_after = expire_after
        self._letters: dict[str, Letter] = {}
        self._histories: dict[str, list[str]] = defaultdict(list)
        self._cases: dict[tuple[str, str], _Case] = {}
        self._reports: dict[str, _Report] = {}
        self._excuses: Counter[str] = Counter()
        self._crashes = 0
        self._grounds: set[str] = set()
        self._violations: list[Violation] = []
        self._maildirs: dict[tuple[str, str], dict[str, Found]] = {}

    @property
    def letters(self) -> Sequence[Letter]:
        """All that were written."""
        return tuple(self._letters.values())

    @property
    def accepted(self) -> int:
        """How many recipients were accepted."""
        return sum(case.accepted > 0 for case in self._cases.values())

    @property
    def arrivals(self) -> int:
        """How many copies of letters have arrived."""
        return sum(len(case.arrivals) for case in self._cases.values())

    @property
    def failures(self) -> int:
        """How many recipients were reported as failed."""
        return sum(bool(case.failures) for case in self._cases.values())

    # What clients do and are told

    def write(self, sender: str, recipients: Sequence[str], body: bytes) -> Letter:
        """A new letter, told from all others."""
        letter = write_letter(str(len(self._letters) + 1), sender, tuple(recipients), body)
        self._letters[letter.token] = letter
        self.note(letter.token, f"written by <{sender}> for {', '.join(recipients)}, {len(letter.octets)} octets")
        return letter

    def attempt(self, letter: Letter, client: str, recipients: Sequence[str] | None = None) -> Attempt:
        """A client begins to send it, for these recipients or all."""
        return Attempt(self, letter, client, letter.recipients if recipients is None else recipients)

    def told(self, letter: Letter, recipient: str, word: str, change: int) -> None:
        """Count a word for everybody a recipient stands for. Called by `Attempt`."""
        for target in self._aliases.get(recipient, (recipient,)):
            case = self._cases.setdefault((letter.token, target), _Case())
            setattr(case, word, getattr(case, word) + change)
            if word == "accepted" and case.accepted_at is None:
                case.accepted_at = self._clock.now()

    # What becomes of it

    def arrived(self, place: str, sender: str, recipients: Sequence[str], octets: bytes) -> None:
        """Somebody outside took responsibility for it: a next hop that said 250."""
        found = read_mail(octets)
        for recipient in recipients:
            self._arrived(place, sender, recipient, found)

    def look_into_maildir(self, place: str, files: Files, maildir: str) -> None:
        """What lies in `new` has arrived; what lay there and does not any more, after a power cut perhaps, has not.

        Look also into one that is not there any more.
        """
        directory = f"{maildir}/new"
        names = files.names(directory) if files.exists(directory) else []
        known = self._maildirs.setdefault((place, maildir), {})
        for name in [name for name in known if name not in names]:
            self._vanished(f"{place}:{directory}/{name}", known.pop(name))
        for name in names:
            if name not in known:
                known[name] = self._found_file(f"{place}:{directory}/{name}", _read(files, f"{directory}/{name}"))

    def _found_file(self, path: str, octets: bytes) -> Found:
        found = read_mail(octets)
        if isinstance(found, Stranger):
            self._arrived(path, "", "", found)
        else:
            self._arrived(path, found.sender or "", found.recipient or "", found)
        return found

    def _vanished(self, path: str, found: Found) -> None:
        match found:
            case FoundLetter(token=token, recipient=str(recipient)) if (token, recipient) in self._cases:
                self._cases[token, recipient].arrivals.remove(path)
                self.note(token, f"vanished from {path}")
            case FoundReport(report_id=report_id, token=token) if report_id in self._reports:
                self._reports[report_id].arrivals -= 1
                self.note(token, f"the report {report_id} vanished from {path}")
            case _:
                pass

    def crashed(self, place: str) -> None:
        """A server was killed or lost its power: what it was doing may be done again."""
        self._crashes += 1
        now = self._clock.now()
        for (token, recipient), case in self._cases.items():
            excused = case.excuses or self._excuses[recipient]
            if not case.arrivals or excused or now - case.last_arrival < SETTLED_AFTER:
                case.crashes += 1
                self.note(token, f"{place} crashed, and {recipient} may get it twice")

    def excuse(self, address: str, why: str) -> None:
        """One more copy for this address is nobody's fault: the reply of a next hop was lost, say."""
        self._excuses[address] += 1
        self._note_address(address, f"excuse for {address}: {why}")

    def ground(self, address_or_domain: str, why: str) -> None:
        """Somebody who may say so has refused it for good."""
        self._grounds.add(address_or_domain)
        self._note_address(address_or_domain, f"ground to give up {address_or_domain}: {why}")

    def note(self, token: str, text: str) -> None:
        """Something for the history of a letter."""
        self._histories[token].append(f"{self._clock.now():.3f} {text}")

    # Pronouncing

    def pronounce(self, queued: Iterable[Queued], *, is_final: bool = False) -> None:
        """Judge by all that was told and by what lies in the queues now; at the end nothing may lie there.

        Raises:
            JudgementError: the law was broken.
        """
        violations = self.violations(queued, is_final=is_final)
        if violations:
            raise JudgementError(violations, self._histories)

    def violations(self, queued: Iterable[Queued], *, is_final: bool = False) -> list[Violation]:
        """What `pronounce` would raise."""
        kept, kept_reports = set[tuple[str, str]](), set[str]()
        begin = len(self._violations)
        for item in queued:
            self._read_queued(item, kept, kept_reports)
            if is_final:
                self._violate("lost", _token(item.found), f"still in the queue of {item.place} at the end: {item}")
        seen, self._violations = self._violations[begin:], self._violations[:begin]
        reached = {
            report_id for report_id, report in self._reports.items() if report.arrivals or report_id in kept_reports
        }
        cases = self._cases.items()
        doubled = [self._doubled_report(report_id, report) for report_id, report in self._reports.items()]
        judged = [self._judge(token, recipient, case, kept, reached) for (token, recipient), case in cases]
        return self._violations + seen + [violation for violations in judged + doubled for violation in violations]

    def _doubled_report(self, report_id: str, report: _Report) -> list[Violation]:
        if report.arrivals - 1 - self._crashes - self._excuses[report.to] <= 0:
            return []
        return [Violation("doubled", report.token, f"the report {report_id} arrived {report.arrivals} times")]

    def _judge(
        self, token: str, recipient: str, case: _Case, kept: set[tuple[str, str]], reached: set[str]
    ) -> list[Violation]:
        found: list[Violation] = []
        failed, arrived = bool(case.failures & reached), bool(case.arrivals)
        null = not self._letters[token].sender
        may_fail = self._may_fail(recipient, case)
        if case.accepted and not (arrived or failed or (token, recipient) in kept or (null and may_fail)):
            found.append(Violation("lost", token, f"{recipient} was accepted, and is nowhere"))
        if not case.accepted and not case.in_doubt and (arrived or case.failures):
            found.append(Violation("refused", token, f"{recipient} was refused, and is delivered or reported"))
        if case.failures and not may_fail:
            found.append(Violation("grounds", token, f"{recipient} was given up, and nobody had refused it for good"))
        excuses = case.excuses + case.crashes + self._excuses[recipient]
        excess = len(case.arrivals) + len(case.failures) - 1 - excuses
        if excess > 0:
            text = f"{recipient} got it {len(case.arrivals)} times and was reported {len(case.failures)} times"
            found.append(Violation("doubled", token, text))
        return found

    def _may_fail(self, recipient: str, case: _Case) -> bool:
        if {recipient, recipient.rpartition("@")[2]} & self._grounds or self._expire_after is None:
            return True
        return case.accepted_at is None or self._clock.now() >= case.accepted_at + self._expire_after

    # Evidence

    def _arrived(self, place: str, sender: str, recipient: str, found: Found) -> None:
        self._check(place, sender, [recipient], found)
        match found:
            case FoundLetter(token=token) if (token, recipient) in self._cases:
                case = self._cases[token, recipient]
                case.arrivals.append(place)
                case.last_arrival = self._clock.now()
                self.note(token, f"arrived at {place} for {recipient}")
            case FoundReport(report_id=report_id, token=token) if report_id in self._reports:
                self._reports[report_id].arrivals += 1
                self.note(token, f"the report {report_id} arrived at {place} for {recipient}")
            case _:
                pass  # `_check` has said what is wrong with it

    def _read_queued(self, item: Queued, kept: set[tuple[str, str]], kept_reports: set[str]) -> None:
        self._check(f"the queue of {item.place}", item.sender, item.recipients, item.found)
        match item.found:
            case FoundLetter(token=token):
                kept.update((token, recipient) for recipient in item.recipients)
            case FoundReport(report_id=report_id):
                kept_reports.add(report_id)
            case Stranger():
                pass

    def _check(self, place: str, sender: str, recipients: Sequence[str], found: Found) -> None:
        """What can be seen from one message alone."""
        token = _token(found)
        letter = self._letters.get(token)
        if letter is None:
            self._violate("crossed", token, f"nobody wrote what is at {place} for {', '.join(recipients)}: {found!r}")
        elif isinstance(found, FoundReport):
            self._check_report(place, sender, recipients, letter, found)
        elif isinstance(found, FoundLetter):
            self._check_letter(place, sender, recipients, letter, found)

    def _check_letter(
        self, place: str, sender: str, recipients: Sequence[str], letter: Letter, found: FoundLetter
    ) -> None:
        if found.octets != letter.octets:
            self._violate("changed", letter.token, f"at {place}: {_difference(letter.octets, found.octets)}")
        if sender != letter.sender:
            self._violate("changed", letter.token, f"the reverse path is <{sender}> at {place}")
        for recipient in recipients:
            if (letter.token, recipient) not in self._cases:
                self._violate("crossed", letter.token, f"it is at {place} for {recipient}")

    def _check_report(
        self, place: str, sender: str, recipients: Sequence[str], letter: Letter, found: FoundReport
    ) -> None:
        if sender or not letter.sender or {found.to, *recipients} != {letter.sender}:
            text = f"{found.report_id} at {place}, from <{sender}>, for {', '.join(recipients)}"
            self._violate("reports", letter.token, text)
        if found.report_id not in self._reports:
            self._reports[found.report_id] = _Report(letter.token, found.to)
            self.note(letter.token, f"the report {found.report_id} is at {place}: {found.fates}")
        for recipient, action in found.fates:
            case = self._cases.get((letter.token, recipient))
            if case is None:
                self._violate("crossed", letter.token, f"{found.report_id} tells of {recipient}")
            elif action == "failed":
                case.failures.add(found.report_id)

    def _violate(self, law: str, token: str, text: str) -> None:
        self._violations.append(Violation(law, token, text))

    def _note_address(self, address: str, text: str) -> None:
        for token, recipient in self._cases:
            if address in (recipient, recipient.rpartition("@")[2]):
                self.note(token, text)


def _token(found: Found) -> str:
    return "?" if isinstance(found, Stranger) else found.token


def _read(files: Files, path: str) -> bytes:
    file = files.open(path)
    try:
        return file.read(files.size(path))
    finally:
        file.close()


def _difference(sent: bytes, found: bytes) -> str:
    at = next((index for index, (ours, theirs) in enumerate(zip(sent, found, strict=False)) if ours != theirs), -1)
    at = min(len(sent), len(found)) if at < 0 else at
    return f"{len(sent)} octets were sent and {len(found)} are there; from {at} on {found[at : at + 40]!r}"
