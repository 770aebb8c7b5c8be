"""The doors through which heloise meets the outside: clock, entropy, resolver, network, files, blocking work,
programs, web services.

Everything above this room takes a `World` as an argument and touches time, randomness, DNS, sockets and disks
through it only. The real doors are in `heloise.net`, the simulated ones in `heloise.testing`.
"""

from heloise.world.blocking import Blocking
from heloise.world.clock import Clock
from heloise.world.entropy import Entropy
from heloise.world.errors import LinkError, LinkFault, ResolverError, ResolverFault
from heloise.world.files import File, Files
from heloise.world.http import Http, HttpAnswer, HttpRequest
from heloise.world.network import AnyEndpoint, Endpoint, Listening, Network, Stream, UnixEndpoint
from heloise.world.processes import Processes, Program, ProgramEnd
from heloise.world.resolver import MailExchanger, Resolver
from heloise.world.tls import (
    NO_TLS,
    CertificateFiles,
    ClientTls,
    OutgoingTls,
    ServerTls,
    TlsDemand,
    TlsFileError,
    TlsLevel,
    TlsProfile,
)
from heloise.world.world import World

__all__ = [
    "NO_TLS",
    "AnyEndpoint",
    "Blocking",
    "CertificateFiles",
    "ClientTls",
    "Clock",
    "Endpoint",
    "Entropy",
    "File",
    "Files",
    "Http",
    "HttpAnswer",
    "HttpRequest",
    "LinkError",
    "LinkFault",
    "Listening",
    "MailExchanger",
    "Network",
    "OutgoingTls",
    "Processes",
    "Program",
    "ProgramEnd",
    "Resolver",
    "ResolverError",
    "ResolverFault",
    "ServerTls",
    "Stream",
    "TlsDemand",
    "TlsFileError",
    "TlsLevel",
    "TlsProfile",
    "UnixEndpoint",
    "World",
]
