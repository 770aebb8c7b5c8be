"""What is allowed but risky: open relays, commands that tell too much, mail that is thrown away.

Each piece of advice is a `Problem`, though none that stops the server.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from urllib.parse import urlsplit

from heloise.config.certificate_checks import advise_certificates
from heloise.config.credential_checks import advise_credentials
from heloise.config.errors import Problem
from heloise.config.failing_checks import advise_faults
from heloise.config.judging_checks import advise_policy
from heloise.config.kinds import Network
from heloise.config.listening import Listener, Protocol
from heloise.config.names import problem
from heloise.config.neighbour_checks import advise_neighbours
from heloise.config.onward import advise_srs
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.mail.route import Transport
from heloise.reception.admission import Audience
from heloise.routing.tables import name_key
from heloise.world.network import Endpoint

_DAY = 86400


def advise(configuration: Configuration) -> tuple[Problem, ...]:
    """All advice, in the order of the lines it is about."""
    found = (item for one in _ADVICE for item in one(configuration))
    return tuple(sorted(found, key=lambda item: item.rule.line))


def is_loopback(listener: Listener) -> bool:
    """Can only programs on this machine reach it?"""
    address = listener.address
    return not isinstance(address, Endpoint) or _is_loopback_host(address.host)


def _is_loopback_host(host: str) -> bool:
    return host.startswith("127.") or host in ("::1", "localhost")


def _relaying(configuration: Configuration) -> Iterator[Problem]:
    for index, network in enumerate(configuration.relay.networks):
        path = ("relay", "networks", index)
        if network.prefixlen == 0:
            text = f"{network} lets everybody relay: an open relay is found and abused within hours"
            yield problem(configuration, path, text)
        elif _is_wide(network):
            text = f"{network} lets {network.num_addresses:,} public addresses relay"
            yield problem(configuration, path, text, "is that meant?")


def _covering(configuration: Configuration) -> Iterator[Problem]:
    """Several networks may let everybody in together, each of them alone looking harmless."""
    networks = configuration.relay.networks
    four = [each for each in networks if isinstance(each, IPv4Network) and each.prefixlen]
    six = [each for each in networks if isinstance(each, IPv6Network) and each.prefixlen]
    for mine, merged, bits in ((four, collapse_addresses(four), 32), (six, collapse_addresses(six), 128)):
        share = sum([each.num_addresses for each in merged]) / 2**bits
        if share > 0.5:
            text = f"the networks together let {share:.0%} of all addresses relay"
            yield problem(configuration, ("relay", "networks", networks.index(mine[0])), text, "is that meant?")


def _taking_for_others(configuration: Configuration) -> Iterator[Problem]:
    """What is taken from strangers and goes on to other servers."""
    local = configuration.local
    for domain, name in local.catch_all.items():
        elsewhere = name.rpartition("@")[2].lower() if "@" in name else ""
        if elsewhere and elsewhere not in local.all_domains:
            shown = "every local domain" if domain == "*" else domain
            text = f"whatever is sent to unknown names in {shown}, spam with it, goes on to {name} from this server"
            yield problem(configuration, ("local", "catch_all", domain), text, "name a mailbox here")
    for index, route in enumerate(configuration.routes):
        if route.for_strangers and any(_is_top_level(domain) for domain in route.domains):
            text = f"everybody may send to all of {', '.join(filter(_is_top_level, route.domains))} by this server"
            yield problem(configuration, ("route", index, "for_strangers"), text, "name the domains you serve")
    for index, domain in enumerate(local.all_domains):
        if "." not in domain and domain not in ("localhost", configuration.hostname):
            key = "domains" if index < len(local.domains) else "virtual_domains"
            number = index if key == "domains" else index - len(local.domains)
            text = f'"{domain}" is a whole top-level domain, or no domain at all'
            yield problem(configuration, ("local", key, number), text)


def _is_top_level(domain: str) -> bool:
    """`.org` means all there is below it."""
    return "." not in domain.removeprefix(".")


def _is_wide(network: Network) -> bool:
    usual = 24 if isinstance(network, IPv4Network) else 48
    return network.prefixlen < usual and not network.is_private and not network.is_loopback


def _line_endings(configuration: Configuration) -> Iterator[Problem]:
    for index, rules in enumerate(configuration.networks):
        if rules.mends:
            for number, network in enumerate(rules.networks):
                if _is_wide(network):
                    text = f"bare line feeds are mended for {network.num_addresses:,} public addresses"
                    hint = "name the old programs that send them"
                    yield problem(configuration, ("network", index, "networks", number), text, hint)


def _telling(configuration: Configuration) -> Iterator[Problem]:
    for keyword in ("EXPN", "VRFY", "VERB"):
        for index, listener in enumerate(configuration.listeners):
            own: Path = ("listener", index, "extensions", keyword)
            path = own if keyword in listener.extensions else ("extensions", keyword)
            audience = listener.extensions.get(keyword, configuration.extensions.get(keyword))
            if audience is Audience.ANY and not is_loopback(listener):
                text = f'{keyword} = "any" tells strangers on {listener.address} who has a mailbox here (RFC 5321 §7.3)'
                yield problem(configuration, path, text)


def _lmtp(configuration: Configuration) -> Iterator[Problem]:
    for index, listener in enumerate(configuration.listeners):
        if listener.protocol is Protocol.LMTP and not is_loopback(listener):
            text = f"LMTP on {listener.address} can be reached from other machines; it is not meant to (RFC 2033 §1)"
            yield problem(configuration, ("listener", index, "address"), text)


def _postmaster(configuration: Configuration) -> Iterator[Problem]:
    local = configuration.local
    names = (*(user.name for user in configuration.users), *configuration.aliases)
    cared_for = local.postmaster or local.catch_all or any(name_key(name)[0] == "postmaster" for name in names)
    if local.domains and not cared_for:
        text = "nobody gets the mail for Postmaster, which every server must take (RFC 5321 §4.5.1)"
        yield problem(configuration, ("local", "postmaster"), text, 'write postmaster = "…"')
    if names and not local.domains:
        yield problem(configuration, ("local",), "there are users or aliases but no local domains, so no mail for them")


def _on_demand(configuration: Configuration) -> Iterator[Problem]:
    sites, listeners = configuration.sites_on_demand, configuration.listeners
    for index, site in enumerate(sites):
        for number, network in enumerate(site.networks):
            if _is_wide(network):
                text = f"whoever connects from {network} takes the mail for {', '.join(site.domains)} away"
                yield problem(configuration, ("odmr", index, "networks", number), text, "name the hosts of the site")
    offered = {**configuration.extensions}
    by_hand = any({**offered, **each.extensions}.get("ATRN", Audience.OFF) is not Audience.OFF for each in listeners)
    doors = [index for index, each in enumerate(listeners) if each.protocol is Protocol.ODMR]
    if sites and not doors and not by_hand:
        hint = 'write a [[listener]] with protocol = "odmr"'
        yield problem(configuration, ("odmr", 0), "there is no listener where the site could fetch its mail", hint)
    if doors and not sites:
        text = "nobody may fetch mail here: there is no [[odmr]]"
        yield problem(configuration, ("listener", doors[0], "protocol"), text)


def _names(configuration: Configuration) -> Iterator[Problem]:
    if "." not in configuration.hostname:
        text = f'"{configuration.hostname}" is not a full host name, so other servers may refuse our mail'
        yield problem(configuration, ("hostname",), text)


def _thrown_away(configuration: Configuration) -> Iterator[Problem]:
    if configuration.smarthost is not None and configuration.smarthost.transport is Transport.DISCARD:
        yield problem(configuration, ("smarthost",), "all mail for other servers is thrown away")
    for index, route in enumerate(configuration.routes):
        if route.to.transport is Transport.DISCARD:
            domains = ", ".join(route.domains)
            yield problem(configuration, ("route", index, "to"), f"mail for {domains} is thrown away")


def _patience(configuration: Configuration) -> Iterator[Problem]:
    if configuration.retry.expire_after < 4 * _DAY:
        text = "expire_after is less than the four days of RFC 5321 §4.5.4.1; a server may be down over a weekend"
        yield problem(configuration, ("retry", "expire_after"), text)
    if configuration.limits.recipients < 100:
        text = "recipients is less than the 100 of RFC 5321 §4.5.3.1.8; clients may not split their mail well"
        yield problem(configuration, ("limits", "recipients"), text)
    if configuration.limits.minimum_free == 0:
        text = "minimum_free is 0, so mail is taken until the disk is full"
        yield problem(configuration, ("limits", "minimum_free"), text)


def _agents(configuration: Configuration) -> Iterator[Problem]:
    for index, pipe in enumerate(configuration.pipes):
        if pipe.user is None:
            text = f"{pipe.name} has no user, so it is not run when the server runs as root"
            yield problem(configuration, ("pipe", index, "command"), text, 'write user = "…"')
    for index, hook in enumerate(configuration.hooks):
        url = urlsplit(hook.url)
        if url.scheme == "http" and not _is_loopback_host(url.hostname or ""):
            text = f"{hook.url} has mail sent over the network for everybody to read"
            yield problem(configuration, ("hook", index, "url"), text, "use https")


_ADVICE = (
    _relaying,
    _covering,
    _taking_for_others,
    _line_endings,
    _telling,
    _lmtp,
    _postmaster,
    _on_demand,
    _names,
    _thrown_away,
    advise_srs,
    advise_certificates,
    advise_neighbours,
    advise_policy,
    advise_credentials,
    _patience,
    _agents,
    advise_faults,
)
