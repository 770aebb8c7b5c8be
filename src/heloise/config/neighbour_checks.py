"""Checks of what is said about neighbours that speak for others: proxies in front of a listener, [xclient]."""

from collections.abc import Iterator

from heloise.config.errors import Problem
from heloise.config.kinds import Network
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.reception.admission import Audience


def proxies(draft: Configuration) -> Iterator[Problem]:
    """Where a PROXY header is waited for, it is known of whom; and nowhere else."""
    for index, listener in enumerate(draft.listeners):
        if listener.proxy_protocol and not listener.proxies:
            hint = 'write proxies = ["192.0.2.1"], the addresses that the proxies connect from'
            text = "proxy_protocol needs proxies, or anybody could say that he is somebody else"
            yield problem(draft, ("listener", index, "proxy_protocol"), text, hint)
        if listener.proxies and not listener.proxy_protocol:
            text = "proxies are named, and no PROXY header is waited for"
            yield problem(draft, ("listener", index, "proxies"), text, "write proxy_protocol = true")


def advise_neighbours(configuration: Configuration) -> Iterator[Problem]:
    """Whoever is believed can pretend to be anybody, so those are few."""
    for index, listener in enumerate(configuration.listeners):
        yield from _wide(configuration, ("listener", index, "proxies"), listener.proxies)
    yield from _wide(configuration, ("xclient", "networks"), configuration.xclient.networks)
    if configuration.tunnelling.mt_priority is Audience.ANY:
        text = "anybody can have his mail go before that of others by a header field MT-Priority"
        yield problem(configuration, ("tunnelling", "mt_priority"), text, 'write "relay"')


def _wide(configuration: Configuration, path: Path, networks: tuple[Network, ...]) -> Iterator[Problem]:
    for number, network in enumerate(networks):
        usual = 16 if network.version == 4 else 48
        if network.prefixlen < usual and not network.is_loopback:
            text = f"whoever connects from {network} is believed when he says that he is somebody else"
            yield problem(configuration, (*path, number), text, "name the hosts")
