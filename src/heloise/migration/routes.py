"""Where mail goes on to: transport(5), relay domains, the smarthost."""

import re

from heloise.mail.address import AddressError, check_domain
from heloise.migration.outcome import Became
from heloise.migration.source import Service
from heloise.migration.work import Work, local_domains

_HOST = re.compile(r"\[?([^\[\]]+?)\]?(?::([A-Za-z0-9]+))?")
_PORTS = {"smtp": "25", "submission": "587", "smtps": "465", "submissions": "465", "lmtp": "24"}
_MACROS = {
    "recipient": "{recipient}",
    "sender": "{sender}",
    "user": "{user}",
    "extension": "{extension}",
    "domain": "{domain}",
    "queue_id": "{message_id}",
}


def route_of(work: Work, text: str) -> tuple[str | None, str]:
    """A route in our words, or None and why not. `transport:nexthop` as in transport(5)."""
    transport, _, target = text.partition(":")
    service = _service(work, transport)
    if transport == "discard":
        return "discard:", ""
    if transport in ("error", "retry"):
        return None, "a domain that is always refused can not be written down; leave it out, or write a hook"
    if transport == "lmtp" or (service is not None and service.command == "lmtp"):
        return _lmtp(work, target)
    if service is not None and service.command == "pipe":
        return _pipe(work, service)
    if transport in ("smtp", "relay", "") or (service is not None and service.command == "smtp"):
        wrapper = service is not None and service.options.get("smtp_tls_wrappermode") == "yes"
        return smtp_route(target, "smtps" if wrapper else "smtp")
    return None, f'the transport "{transport}" is not known here'


def smtp_route(target: str, scheme: str = "smtp") -> tuple[str | None, str]:
    """`[host]:port` is the host itself, `host` its mail exchangers."""
    target = target.strip()
    first = re.split(r"[\s,]+", target)
    if len(first) > 1:
        routes = [smtp_route(each, scheme)[0] for each in first]
        if all(route is not None and route.startswith(f"{scheme}:") for route in routes):
            return f"{scheme}:" + ",".join(str(route).removeprefix(f"{scheme}:") for route in routes), ""
        return None, "several next hops are hosts in brackets here"
    found = _HOST.fullmatch(target)
    if found is None:
        return None, f'"{target}" is no host'
    host, port = found[1], _PORTS.get(found[2] or "smtp", found[2] or "25")
    if not port.isdigit():
        return None, f'the port "{port}" is not known'
    if host.lower().startswith("ipv6:"):
        host = host[5:]
    if target.startswith("["):
        return f"{scheme}:{f'[{host}]' if ':' in host else host}:{port}", ""
    if port != "25" or scheme != "smtp":
        return f"{scheme}:{host}:{port}", ""
    try:
        return f"mx:{check_domain(host.lower())}", ""
    except AddressError:
        return None, f'"{host}" is not a domain'


def _lmtp(work: Work, target: str) -> tuple[str | None, str]:
    if target.startswith("unix:"):
        path = target.removeprefix("unix:")
        path = path if path.startswith("/") else f"{work.value('queue_directory')}/{path}"
        return f"lmtp:unix:{path}", ""
    found = _HOST.fullmatch(target.removeprefix("inet:"))
    if found is None:
        return None, f'"{target}" is no host'
    host, port = found[1], _PORTS.get(found[2] or "lmtp", found[2] or "24")
    return f"lmtp:{f'[{host}]' if ':' in host else host}:{port}", ""


def _pipe(work: Work, service: Service) -> tuple[str | None, str]:
    """pipe(8): one [[pipe]] for the service, made when it is first used."""
    given = dict(part.split("=", 1) for part in service.arguments if "=" in part.split("argv")[0] + "=" and "=" in part)
    index = next((i for i, part in enumerate(service.arguments) if part.startswith("argv=")), None)
    if index is None:
        return None, "the pipe has no command"
    command = [service.arguments[index].removeprefix("argv="), *service.arguments[index + 1 :]]
    made = []
    for argument in command:
        found = re.fullmatch(r"\$\{?(\w+)\}?", argument)
        if found is not None and found[1] in _MACROS:
            made.append(_MACROS[found[1]])
        elif "$" in argument:
            return None, f'"{argument}": a placeholder stands for a whole argument here; write the [[pipe]] by hand'
        else:
            made.append(argument)
    if not any(table.keys["name"][0] == service.name for table in work.draft.many["pipe"]):
        user = given.get("user", "").partition(":")[0] or None
        work.draft.add("pipe", service.place, name=service.name, command=made, user=user)
    return f"pipe:{service.name}", ""


def _service(work: Work, name: str) -> Service | None:
    return next((each for each in work.services if each.name == name and each.kind == "unix"), None)


def routes(work: Work) -> None:
    """transport_maps, relay_domains, relayhost, default_transport."""
    relayed = _domains(work, "relay_domains")
    local = local_domains(work)
    routed: dict[str, str] = {}
    for member in work.items("transport_maps"):
        contents = work.table(member, "transport_maps")
        for entry in contents.entries:
            key = entry.key.lower()
            if contents.kind in ("regexp", "pcre") or "@" in key:
                text = "a route is for domains here; a [[user]] of a local domain may have his own"
                work.at(entry.place, key, Became.NOT_MAPPED, text)
                continue
            if entry.value in (":", ""):
                work.at(entry.place, key, Became.SAME, "its own mail exchangers, as for all others")
                continue
            route, trouble = route_of(work, entry.value if ":" in entry.value else f"smtp:{entry.value}")
            if entry.value.startswith(("smtp:", "relay:")) and not entry.value.partition(":")[2]:
                route, trouble = f"mx:{key.removeprefix('.')}", ""
            if entry.value.partition(":")[0] in ("local", "virtual") and key in local:
                work.at(entry.place, key, Became.SAME, "it is a local domain")
            elif route is None:
                work.at(entry.place, key, Became.NOT_MAPPED, trouble)
            elif key == "*":
                work.draft.put("", "smarthost", route, entry.place)
                work.at(entry.place, key, Became.MAPPED, "smarthost")
            elif key in local:
                work.at(entry.place, key, Became.NOT_MAPPED, "a local domain; write the route with each [[user]]")
            else:
                routed[key] = route
                work.at(entry.place, key, Became.MAPPED, f'[[route]] to = "{route}"')
    if work.is_written("transport_maps"):
        work.tell("transport_maps", Became.MAPPED, f"[[route]]: {len(routed)} domains")
    for domain, route in routed.items():
        strangers = domain in relayed or domain.removeprefix(".") in relayed
        work.draft.add("route", domains=[domain], to=route, for_strangers=True if strangers else None)
    _relay_routes(work, [each for each in relayed if each not in routed and each not in local])
    _smarthost(work)


def _relay_routes(work: Work, relayed: list[str]) -> None:
    transport, _, target = work.value("relay_transport").partition(":")
    for domain in relayed:
        route = f"mx:{domain}"
        if target:
            found, trouble = route_of(work, f"{transport}:{target}")
            route = route if found is None else found
            if found is None:
                work.tell("relay_transport", Became.NOT_MAPPED, trouble)
        work.draft.add("route", work.why("relay_domains"), domains=[domain], to=route, for_strangers=True)
        if target:  # Postfix takes mail for what is below a relay domain as well (parent_domain_matches_subdomains)
            work.draft.add("route", domains=[f".{domain}"], to=route, for_strangers=True)
    if work.is_written("relay_domains"):
        text = f"[[route]] for_strangers: {', '.join(relayed) or 'with their transports'}"
        if relayed and not target:
            text += "; domains below them are not, name those that mail is taken for"
        work.tell("relay_domains", Became.PARTLY if relayed and not target else Became.MAPPED, text)
    if target:
        work.tell("relay_transport", Became.MAPPED, "[[route]] of relay_domains")
    if work.is_written("relay_recipient_maps"):
        text = "recipients of other servers are not known here: mail for unknown ones is refused there, and reported"
        work.tell("relay_recipient_maps", Became.NOT_MAPPED, text)


def _smarthost(work: Work) -> None:
    relayhost = work.value("relayhost")
    if relayhost:
        route, trouble = smtp_route(relayhost)
        wrapper = work.is_on("smtp_tls_wrappermode")
        if route is None:
            work.tell("relayhost", Became.NOT_MAPPED, trouble)
        else:
            work.mapped("relayhost", "", "smarthost", route.replace("smtp:", "smtps:", 1) if wrapper else route)
    elif work.is_written("relayhost"):
        work.tell("relayhost", Became.DEFAULT, "empty: each domain's mail exchangers")
    if work.is_written("default_transport"):
        value = work.value("default_transport")
        route, trouble = route_of(work, value)
        if value in ("smtp", "smtp:"):
            work.tell("default_transport", Became.DEFAULT, "smtp")
        elif route is None:
            work.tell("default_transport", Became.NOT_MAPPED, trouble)
        else:
            work.mapped("default_transport", "", "smarthost", route)


def _domains(work: Work, name: str) -> list[str]:
    plain, tables = work.names(name)
    found = [each.lower() for each in plain if not each.startswith(("!", "/"))]
    found += [entry.key.lower() for table in tables if table.kind not in ("regexp", "pcre") for entry in table.entries]
    good = []
    for domain in dict.fromkeys(found):
        try:
            good.append(check_domain(domain.removeprefix(".")))
        except AddressError:
            work.at(work.place(name), f"{name} {domain}", Became.NOT_MAPPED, "is not a domain")
    return good
