"""The configuration of `heloise dev`, which needs no file."""

from ipaddress import ip_network

from heloise.config.kinds import AbsolutePath, Domain
from heloise.config.listening import Listener, Relay
from heloise.config.running import Log
from heloise.config.schema import Configuration
from heloise.mail.route import Route, Transport
from heloise.reception.admission import Audience
from heloise.world.network import AnyEndpoint, Endpoint

DEV_ADDRESS = Endpoint("127.0.0.1", 1025)


def dev_configuration(
    *,
    state: str,
    address: AnyEndpoint = DEV_ADDRESS,
    hostname: str = "dev.localhost",
    log: Log | None = None,
) -> Configuration:
    """Take everything from this machine, offer every extension, and send nothing on: mail is caught.

    `state` is an absolute path, most likely that of a temporary directory.
    """
    return Configuration(
        hostname=Domain(hostname),
        state=AbsolutePath(state),
        smarthost=Route(Transport.CATCH, ""),
        listeners=(Listener(address=address),),
        extensions=dict.fromkeys(("EXPN", "VERB", "VRFY", "ETRN"), Audience.ANY),
        relay=Relay(networks=(ip_network("0.0.0.0/0"), ip_network("::/0"))),
        log=log or Log(),
    )
