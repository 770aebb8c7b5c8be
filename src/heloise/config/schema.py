"""The configuration: one frozen value for everything an operator decides.

A section of the TOML file is a dataclass, a key is a field, and the text below a field is its documentation: `heloise
config explain` prints it. The default of a field is what holds when the key is not written. Where a value was written
tells `Configuration.rule`, by the path of names in the file: `rule("limits", "message_size")`, `rule("route", 0)`.
"""

# ruff: noqa: RUF009  (all defaults are immutable)

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from heloise.config.addressing import DomainRoute, Forward, Local, MailingList, Srs, User
from heloise.config.admin import Admin
from heloise.config.agents import Hook, Pipe
from heloise.config.authentication import Auth
from heloise.config.credentials import HostCredentials
from heloise.config.encrypting import Tls
from heloise.config.failing import Fault, Staging
from heloise.config.filtering import Milter, Rspamd
from heloise.config.judging import Greylisting, Policy
from heloise.config.kinds import MOST_PROCESSES, AbsolutePath, AliasTarget, Domain, Processes
from heloise.config.listening import Etrn, Limits, Listener, Odmr, Relay
from heloise.config.maps import Map
from heloise.config.neighbours import Xclient, Xforward
from heloise.config.networks import NetworkRules
from heloise.config.places import Places
from heloise.config.quotas import Quotas
from heloise.config.recording import Recording
from heloise.config.running import Delivery, DestinationLimits, Dns, Log, Passport, Retry
from heloise.config.tunnelling import Tunnelling
from heloise.mail.cause import Rule
from heloise.mail.route import Route
from heloise.reception.admission import Audience


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The whole file. Keys of the first level come before any section."""

    hostname: Domain
    """The name of this server, in the greeting and in every trace field. It is never guessed."""

    state: AbsolutePath
    """The directory of the queue and, unless [local] maildir says otherwise, of the mailboxes. A relative path begins
    at the file."""

    smarthost: Route | None = None
    """Takes all mail that has no other route, such as "smtp:relay.example.net:25", or several hosts in the order to try
    them, "smtp:one.example.net:25,two.example.net:25"; else the MX of each domain does."""

    processes: Processes = Processes(0)
    """How many processes take mail in and send it on, each with a queue of its own: "auto" for one a processor, or a
    number. They share the ports, and each has its part of what [delivery] and [limits] allow. 1 for small machines,
    and always where sites come for their mail ([[odmr]])."""

    run_as: str | None = None
    """The user ("heloise"), or user and group ("heloise:mail"), that the server becomes when it is started as root, as
    it has to be for ports below 1024: root binds the ports and gives the state directory away, and nothing is read from
    the network before root is given up for good. What is read later (certificates and keys, files of names, the log)
    has to be readable by this user. As root it serves only when "root" is written here, or on loopback."""

    listeners: tuple[Listener, ...] = field(default=(), metadata={"key": "listener"})
    extensions: Mapping[str, Audience] = field(default_factory=dict)
    """Who may use an extension or verb: "off", "loopback" (programs on this machine), "relay" (clients that may relay)
    or "any". Not named: EXPN and VERB "loopback", since they tell about users and the network; VRFY "relay", others
    get 252, which tells nothing; ETRN "relay"; ATRN "off", but "any" on a listener
    with protocol "odmr"; FUTURERELEASE and MT-PRIORITY "relay", but "any" on a listener with `requires_auth`; all else
    "any"."""

    tls: Tls = Tls()
    auth: Auth = Auth()
    relay: Relay = Relay()
    networks: tuple[NetworkRules, ...] = field(default=(), metadata={"key": "network"})
    xclient: Xclient = Xclient()
    xforward: Xforward = Xforward()
    tunnelling: Tunnelling = Tunnelling()
    local: Local = Local()
    users: tuple[User, ...] = field(default=(), metadata={"key": "user"})
    aliases: Mapping[str, tuple[AliasTarget, ...]] = field(default_factory=dict)
    """Names that stand for others: team = ["alice", "bob@example.org"]. A name without domain is one in every local
    domain; a target without domain means the one the mail came for. A name may be its own target, to keep a copy. The
    target ":include:lists/team" stands for those in that file, an address a line, with "#" for comments; the file is
    read again when it changes."""

    lists: tuple[MailingList, ...] = field(default=(), metadata={"key": "list"})
    forwards: Mapping[str, Forward] = field(default_factory=dict)
    """Users who have moved: "carol@example.org" = { relay = "carol@example.net" } sends on and says 251, { tell = … }
    refuses by 551 and says where."""

    maps: tuple[Map, ...] = field(default=(), metadata={"key": "map"})
    srs: Srs = Srs()
    milters: tuple[Milter, ...] = field(default=(), metadata={"key": "milter"})
    rspamd: Rspamd = Rspamd()
    routes: tuple[DomainRoute, ...] = field(default=(), metadata={"key": "route"})
    limits: Limits = Limits()
    quotas: tuple[Quotas, ...] = field(default=(), metadata={"key": "quota"})
    policy: Policy = Policy()
    greylist: Greylisting = Greylisting()
    retry: Retry = Retry()
    delivery: Delivery = Delivery()
    destinations: tuple[DestinationLimits, ...] = field(default=(), metadata={"key": "destination"})
    credentials: tuple[HostCredentials, ...] = ()
    pipes: tuple[Pipe, ...] = field(default=(), metadata={"key": "pipe"})
    hooks: tuple[Hook, ...] = field(default=(), metadata={"key": "hook"})
    etrn: Etrn = Etrn()
    sites_on_demand: tuple[Odmr, ...] = field(default=(), metadata={"key": "odmr"})
    dns: Dns = Dns()
    passport: Passport = Passport()
    log: Log = Log()
    admin: Admin = Admin()
    recording: Recording = Recording()
    staging: Staging = Staging()
    faults: tuple[Fault, ...] = field(default=(), metadata={"key": "fault"})
    places: Places = field(default=Places(), compare=False, repr=False, metadata={"key": None})

    def rule(self, *path: str | int) -> Rule | None:
        """The line where a value is written; None when it is a default. Names are those of the file."""
        return self.places.rule(*path)

    @property
    def process_count(self) -> int:
        """`processes` with "auto" looked up: the processors this program may use.

        One where sites come for their mail: all of it has to be in one queue to go over the connection they make. One
        where it fails on purpose, too: what the rules remember is in one memory.
        """
        if self.sites_on_demand or self.staging.fail_on_purpose:
            return 1
        return self.processes or min(len(os.sched_getaffinity(0)), MOST_PROCESSES)

    @property
    def control_socket(self) -> str:
        """Where the running server is spoken to by `heloise queue`."""
        return f"{self.state}/control"

    @property
    def maildir(self) -> str:
        """[local] maildir as an absolute path, with {user} in it."""
        return self.local.maildir if self.local.maildir.startswith("/") else f"{self.state}/{self.local.maildir}"
