"""master.cf and inet_interfaces: the listeners, and what they override. master(5)."""

from ipaddress import ip_address

from heloise.migration.outcome import Became
from heloise.migration.source import Service
from heloise.migration.work import Work

_PORTS = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465, "ssmtp": 465, "lmtp": 24}
_INTERNAL = "a part of Postfix itself"
_SERVERS = ("smtpd", "postscreen")
_QUIET = frozenset({"syslog_name", "smtpd_sasl_type", "smtpd_sasl_path", "smtpd_delay_reject"})
_QUIET |= {"smtpd_reject_unlisted_recipient"}


def listeners(work: Work) -> None:
    """A [[listener]] for each smtpd that listens on TCP."""
    made = 0
    for service in work.services:
        if service.kind == "inet" and service.command in _SERVERS:
            made += _listener(work, service)
        elif service.kind == "inet":
            text = f"{service.command} is not spoken here"
            work.at(service.place, f"service {service.name}", Became.NOT_MAPPED, text)
        elif service.command == "pipe":
            used = any(table.keys["name"][0] == service.name for table in work.draft.many["pipe"])
            text = "[[pipe]]" if used else "no transport that was mapped uses it"
            became = Became.MAPPED if used else Became.NOT_NEEDED
            work.at(service.place, f"service {service.name}", became, text)
        elif service.command != "smtpd":
            work.at(service.place, f"service {service.name}", Became.NOT_NEEDED, _INTERNAL)
    if not made:
        for address in _addresses(work, ""):
            work.draft.add(
                "listener", "no master.cf was read: Postfix's own", address=f"{address}:25", role=_role(work, {})
            )
    work.tell("inet_interfaces", Became.MAPPED, "[[listener]] address")
    work.tell("inet_protocols", Became.MAPPED, "[[listener]] address")
    work.tell("proxy_interfaces", Became.NOT_MAPPED, "addresses of a NAT in front are not needed to find loops here")


def _listener(work: Work, service: Service) -> int:
    host, _, port_text = service.name.rpartition(":")
    port = _PORTS.get(port_text, int(port_text) if port_text.isdigit() else 0)
    if not port:
        work.at(service.place, f"service {service.name}", Became.NOT_MAPPED, f'the port "{port_text}" is not known')
        return 0
    options = dict(service.options)
    role = _role(work, options)
    tls = "implicit" if options.get("smtpd_tls_wrappermode") == "yes" else None
    if tls == "implicit" and not work.draft.many["tls.certificate"]:
        text = "TLS comes first there, and there is no certificate that could be read"
        work.at(service.place, f"service {service.name}", Became.NOT_MAPPED, text)
        return 0
    if role == "submission" and not work.draft.get("auth", "users"):
        work.draft.put("auth", "users", "users", f"{service.place} {service.name}")
        work.beside.setdefault("users", "")
    addresses = _addresses(work, host)
    for address in addresses:
        work.draft.add("listener", service.place, address=f"{address}:{port}", role=role, tls=tls)
    text = f"[[listener]] {', '.join(f'{each}:{port}' for each in addresses)}" + (f', role "{role}"' if role else "")
    work.at(service.place, f"service {service.name}", Became.MAPPED, text)
    for name, value in options.items():
        became, text = _option(work, name, value, role)
        work.at(service.place, f"service {service.name} -o {name}", became, text)
    return len(addresses)


def _role(work: Work, options: dict[str, str]) -> str | None:
    """Who must log in, and nobody else may come."""
    names = ("client", "relay", "recipient", "sender")
    words = " ".join(options.get(f"smtpd_{name}_restrictions", "") for name in names).replace(",", " ").split()
    sasl = options.get("smtpd_sasl_auth_enable", work.value("smtpd_sasl_auth_enable")) == "yes"
    if sasl and "permit_sasl_authenticated" in words and "reject" in words:
        return "submission"
    if sasl and any(value.startswith("$mua_") for value in options.values()):
        return "submission"
    return None


def _addresses(work: Work, host: str) -> list[str]:
    protocols = work.value("inet_protocols").replace(",", " ").split()
    four, six = ({"all", each} & set(protocols) for each in ("ipv4", "ipv6"))
    given = [host] if host else work.value("inet_interfaces").replace(",", " ").split()
    found = []
    for each in given:
        text = each.strip("[]")
        if text == "all":
            found += [*(["0.0.0.0"] if four else []), *(["[::]"] if six else [])]
        elif text in ("loopback-only", "localhost"):
            found += [*(["127.0.0.1"] if four else []), *(["[::1]"] if six else [])]
        else:
            try:
                found.append(f"[{text}]" if ip_address(text).version == 6 else text)
            except ValueError:
                found.append(text)
    return found or ["0.0.0.0"]


def _option(work: Work, name: str, value: str, role: str | None) -> tuple[Became, str]:
    if name.endswith("_restrictions"):
        if role == "submission":
            return Became.MAPPED, 'role "submission": nobody brings mail without AUTH'
        return Became.NOT_MAPPED, "restrictions are the same on all listeners, but for its role"
    if name == "smtpd_tls_wrappermode":
        return Became.MAPPED, "[[listener]] tls" if value == "yes" else "starttls"
    if name == "smtpd_tls_security_level":
        if value == "encrypt" and role == "submission":
            return Became.SAME, "passwords are shown under TLS only; SCRAM shows none"
        return (Became.SAME, "starttls") if value == "may" else (Became.NOT_MAPPED, "TLS is offered, not demanded")
    if name == "smtpd_sasl_auth_enable":
        return Became.MAPPED, "AUTH is offered where [auth] has users"
    if name == "smtpd_tls_auth_only":
        return Became.SAME, "passwords are shown under TLS only"
    if name in (
        "syslog_name",
        "smtpd_sasl_type",
        "smtpd_sasl_path",
        "smtpd_delay_reject",
        "smtpd_reject_unlisted_recipient",
    ):
        return Became.NOT_NEEDED, _INTERNAL
    if name == "milter_macro_daemon_name":
        return Became.NOT_MAPPED, "[[milter]] macros, for a milter with `listeners`"
    return Became.NOT_MAPPED, "what one listener has alone is its role, TLS and extensions"
