"""The table of relay attempts, tried on a server from outside. RFC 5321 §3.6.2, §7.9.

Never sends anything: after each RCPT comes RSET. A server hangs up on whoever is refused too often, so a connection is
used for some attempts only; what happens to one attempt stops none of the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.probe.attempts import ATTEMPTS, Doubt, RelayAttempt, Target
from heloise.probe.interview import Interview, connect
from heloise.smtp.transaction import NO_OFFERS, Offers
from heloise.smtp.transcript import Recorder
from heloise.world import AnyEndpoint, ClientTls, Endpoint, LinkError, World

TOGETHER = 5  # attempts on one connection
NOBODY = "no-such-user-here-h3l01s3"  # a local part that nobody has


class Fate(Enum):
    """What became of one attempt."""

    REFUSED = "refused"  # 5yz
    PUT_OFF = "put off"  # 4yz: not taken now, and nobody knows what will be said later
    HUNG_UP = "hung up"  # the server ended the session
    TAKEN = "taken"  # 2yz
    PERHAPS = "taken, perhaps by a catch-all"  # 2yz, but so is every other name in that domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt that was made: what stood in MAIL and RCPT, and the reply that decided, None when there was none."""

    attempt: RelayAttempt
    mail: str
    rcpt: str
    fate: Fate
    reply: Reply | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTest:
    """All attempts. `takes_all` when the server takes any name in its domain; `trouble` when the test had to end."""

    target: Target
    takes_all: bool
    tried: tuple[Tried, ...]
    trouble: str = ""

    @property
    def passed(self) -> tuple[Tried, ...]:
        """Those by which mail of strangers would be carried."""
        return tuple(each for each in self.tried if each.fate is Fate.TAKEN)

    @property
    def is_unsure(self) -> bool:
        """Is there an attempt that says nothing for sure?"""
        return any(each.fate in (Fate.PERHAPS, Fate.PUT_OFF) for each in self.tried)


@dataclass(frozen=True, slots=True)
class Examined:
    """The server, and how it is spoken to. `tls` for a handshake before anything is said (RFC 8314 §3); `timeout` in
    seconds for each reply; `lmtp` says LHLO (RFC 2033). `ca_file` has authorities to believe
    in place of those of the system."""

    endpoint: AnyEndpoint
    hello_name: str
    timeout: float = 30.0
    tls: ClientTls | None = None
    lmtp: bool = False
    ca_file: str | None = None


async def try_to_relay(
    world: World,
    server: Examined,
    target: Target,
    *,
    thorough: bool = False,
    recorder: Recorder | None = None,
    told: Callable[[Tried], None] = lambda tried: None,
) -> RelayTest:
    """Make all attempts, and tell of each as it is made.

    Where the plain one passes, so would nearly all; then the others are made only when it is to be `thorough`.
    """
    trial = _Trial(world, server, target, recorder)
    tried: list[Tried] = []
    try:
        takes_all = await trial.takes_all()
        for attempt in ATTEMPTS:
            found = await trial.make(attempt, takes_all=takes_all)
            tried.append(found)
            told(found)
            if attempt is ATTEMPTS[0] and found.fate is Fate.TAKEN and not thorough:
                break
    except LinkError as error:
        return RelayTest(target=target, takes_all=False, tried=tuple(tried), trouble=str(error))
    finally:
        await trial.end()
    return RelayTest(target=target, takes_all=takes_all, tried=tuple(tried))


class _Trial:
    """The connection in use, and what it was used for."""

    def __init__(self, world: World, server: Examined, target: Target, recorder: Recorder | None) -> None:
        self._world = world
        self._server = server
        self._target = target
        self._recorder = recorder
        self._interview: Interview | None = None
        self._offers: Offers = NO_OFFERS
        self._made = 0

    async def takes_all(self) -> bool:
        """Does the server take a name in its domain that nobody has? Raises LinkError: there is no server."""
        control = RelayAttempt(name="control", rcpt=f"<{NOBODY}@{{domain}}>", why="")
        return (await self.make(control, takes_all=False)).fate is Fate.TAKEN

    async def make(self, attempt: RelayAttempt, *, takes_all: bool) -> Tried:
        """Make one attempt. Raises LinkError: no connection any more."""
        mail, rcpt = self._target.fill(attempt.mail), self._target.fill(attempt.rcpt)
        if self._interview is None or attempt.needs_own_connection or self._made >= TOGETHER:
            await self._begin(attempt)
        try:
            reply: Reply | None = await self._ask(attempt, mail, rcpt)
        except LinkError:
            reply = None
        if reply is None or reply.code == _CLOSING or attempt.needs_own_connection:
            await self.end()
        self._made += 1
        fate = _fate(reply, attempt, takes_all=takes_all)
        return Tried(attempt=attempt, mail=mail, rcpt=rcpt, fate=fate, reply=reply)

    async def end(self) -> None:
        """Close what is open."""
        interview, self._interview = self._interview, None
        if interview is not None:
            await interview.leave()

    async def _begin(self, attempt: RelayAttempt) -> None:
        await self.end()
        server = self._server
        interview = await connect(self._world, server.endpoint, timeout=server.timeout, recorder=self._recorder)
        self._interview, self._made = interview, 0
        if server.tls is not None:
            await interview.start_tls(server.tls)
        if attempt.opening:
            interview.send(attempt.opening.encode())
            return
        greeting = await interview.hear()
        if greeting.severity is Severity.COMPLETED:
            await self._hello(interview, self._target.fill(attempt.hello) or server.hello_name)

    async def _hello(self, interview: Interview, name: str) -> None:
        self._offers = NO_OFFERS
        reply = await interview.say(f"{'LHLO' if self._server.lmtp else 'EHLO'} {name}")
        if reply.severity is Severity.COMPLETED:
            self._offers = Offers.parse(reply)
        elif reply.severity is Severity.PERMANENT:
            await interview.say(f"HELO {name}")
        interview.hello_is_over()

    async def _ask(self, attempt: RelayAttempt, mail: str, rcpt: str) -> Reply:
        """The reply that decides: to RCPT, or to what came before it."""
        interview = self._interview
        assert interview is not None
        if attempt.opening:
            greeting = await interview.hear()
            if greeting.severity is not Severity.COMPLETED:
                return greeting
            # A server that believes a PROXY line says nothing to it; any other one says that it is no command.
            if (await interview.say("NOOP")).severity is not Severity.COMPLETED:
                await interview.hear()
            await self._hello(interview, self._server.hello_name)
        for command in attempt.before:
            await interview.say(self._target.fill(command))
        needs_utf8 = not (mail + rcpt).isascii() and self._offers.has("SMTPUTF8")
        reply = await interview.say(f"MAIL FROM:{mail}{' SMTPUTF8' if needs_utf8 else ''}")
        if reply.severity is Severity.COMPLETED:
            if attempt.first_rcpt:
                await interview.say(f"RCPT TO:{self._target.fill(attempt.first_rcpt)}")
            reply = await interview.say(f"RCPT TO:{rcpt}")
        if reply.code != _CLOSING:
            await interview.say("RSET")
        return reply


_CLOSING = 421  # RFC 5321 §3.8


def _fate(reply: Reply | None, attempt: RelayAttempt, *, takes_all: bool) -> Fate:
    if reply is None or reply.code == _CLOSING:
        return Fate.HUNG_UP
    if reply.severity is Severity.COMPLETED:
        return Fate.PERHAPS if takes_all and attempt.doubt is Doubt.CATCH_ALL else Fate.TAKEN
    return Fate.PUT_OFF if reply.severity is Severity.TRANSIENT else Fate.REFUSED


async def name_target(world: World, server: Examined, outside: Mailbox, domain: str | None) -> Target:
    """The names that the attempts need: what the server calls itself, where it is, and a domain of its own.

    Without `domain` it is guessed from the greeting: `mx.example.org` serves example.org. Raises LinkError.
    """
    interview = await connect(world, server.endpoint, timeout=server.timeout)
    try:
        if server.tls is not None:
            await interview.start_tls(server.tls)
        greeting = await interview.hear()
        peer = interview.peer
    finally:
        await interview.leave()
    address = peer.host if isinstance(peer, Endpoint) else "127.0.0.1"
    literal = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    host = host_of(greeting, literal)
    return Target(outside=outside, domain=domain or domain_of(host), host=host, address=literal)


def host_of(greeting: Reply, otherwise: str) -> str:
    """What the server calls itself in its greeting, if that is a name."""
    try:
        return check_domain(greeting.lines[0].partition(" ")[0]).lower()
    except AddressError:
        return otherwise


def domain_of(host: str) -> str:
    """A guess: the domain that a mail server of this name serves."""
    first, _, rest = host.partition(".")
    return rest if "." in rest and not first.startswith("[") else host
