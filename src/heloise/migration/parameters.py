"""Parameters that are one key each, and those that are about Postfix itself. postconf(5)."""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network

from heloise.migration.outcome import Became
from heloise.migration.restrictions import dns_list
from heloise.migration.routes import smtp_route
from heloise.migration.work import Work

_UNITS = {"s": "s", "m": "m", "h": "h", "d": "d", "w": "w"}
_TIME = re.compile(r"(\d+)([smhdw]?)")
_LEVELS = {"none": "none", "may": "may", "encrypt": "encrypt", "verify": "verify", "secure": "verify", "dane": "may"}
_LEVELS |= {"dane-only": "encrypt", "fingerprint": "encrypt"}
_DEFAULT_SIZE = "10240000"

_OWN_BUSINESS = frozenset(
    [
        "append_at_myorigin",
        "append_dot_mydomain",
        "biff",
        "command_directory",
        "command_execution_directory",
        "compatibility_level",
        "config_directory",
        "daemon_directory",
        "daemon_timeout",
        "data_directory",
        "debug_peer_level",
        "debug_peer_list",
        "debugger_command",
        "default_database_type",
        "default_privs",
        "default_process_limit",
        "html_directory",
        "import_environment",
        "alias_database",
        "inet_protocols",
        "mail_name",
        "mail_owner",
        "mail_version",
        "mailbox_command_maps",
        "mailq_path",
        "maillog_file",
        "maillog_file_permissions",
        "manpage_directory",
        "meta_directory",
        "multi_instance_enable",
        "multi_instance_name",
        "newaliases_path",
        "process_id_directory",
        "queue_directory",
        "qmgr_message_active_limit",
        "readme_directory",
        "sample_directory",
        "sendmail_path",
        "setgid_group",
        "shlib_directory",
        "smtp_tls_session_cache_database",
        "smtp_tls_loglevel",
        "smtpd_tls_loglevel",
        "smtpd_tls_session_cache_database",
        "smtpd_tls_session_cache_timeout",
        "smtpd_tls_dh1024_param_file",
        "smtpd_tls_dh512_param_file",
        "smtpd_tls_received_header",
        "soft_bounce",
        "syslog_facility",
        "syslog_name",
        "tls_random_source",
        "unknown_local_recipient_reject_code",
        "virtual_gid_maps",
        "virtual_minimum_uid",
        "virtual_uid_maps",
        "virtual_mailbox_limit",
        "virtual_mailbox_lock",
        "mailbox_delivery_lock",
        "smtpd_sasl_path",
        "smtpd_sasl_type",
        "smtpd_sasl_local_domain",
        "smtpd_sasl_security_options",
        "smtpd_sasl_tls_security_options",
        "broken_sasl_auth_clients",
        "smtp_sasl_security_options",
        "smtp_sasl_tls_security_options",
        "smtp_sasl_mechanism_filter",
        "queue_minfree",
        "postscreen_cache_map",
        "virtual_destination_recipient_limit",
        "dovecot_destination_recipient_limit",
    ]
)
_SAME: Mapping[str, str] = {
    "smtpd_helo_required": "MAIL before hello is 503",
    "strict_rfc821_envelopes": "paths are read by RFC 5321 §4.1.2",
    "smtpd_delay_reject": "strangers are refused at RCPT",
    "smtpd_tls_auth_only": "passwords are shown under TLS only",
    "smtpd_reject_unlisted_recipient": "unknown names are refused (550 5.1.1)",
    "allow_percent_hack": "percent signs are nothing special",
    "swap_bangpath": "exclamation marks are nothing special",
    "smtpd_forbid_bare_newline": "only CRLF ends a line, and a message with a bare LF is refused",
    "smtpd_forbid_unauth_pipelining": "what comes too early is not executed",
    "show_user_unknown_table_name": "replies name no configuration",
    "smtpd_use_tls": "STARTTLS is offered where there is a certificate",
    "smtp_use_tls": '[delivery] tls is "may" by default',
    "smtp_tls_note_starttls_offer": "the passport tells",
    "enable_original_recipient": "ORCPT is kept (RFC 3461)",
    "smtp_destination_recipient_limit": "recipients of one destination go in one transaction",
    "smtpd_sasl_auth_enable": "AUTH is offered where [auth] has users: `heloise user add` writes them",
}
_NEVER: Mapping[str, str] = {
    "content_filter": "a filter behind a queue is a milter here ([[milter]]), or a [[route]] to it",
    "smtp_header_checks": "messages are not changed on their way out",
    "milter_header_checks": "headers are looked at by a hook ([policy] hooks)",
    "canonical_maps": "neither senders nor headers are rewritten",
    "sender_canonical_maps": "neither senders nor headers are rewritten",
    "smtp_generic_maps": "neither senders nor headers are rewritten",
    "masquerade_domains": "neither senders nor headers are rewritten",
    "sender_bcc_maps": "no copies are made by sender",
    "recipient_bcc_maps": "an alias may name its own name and another",
    "always_bcc": "no copies are made of everything",
    "sender_dependent_relayhost_maps": "a route is by recipient",
    "sender_dependent_default_transport_maps": "a route is by recipient",
    "smtpd_banner": "the greeting is the host's name",
    "smtp_bind_address": "the system chooses the address to send from",
    "smtp_bind_address6": "the system chooses the address to send from",
    "smtp_helo_name": "the hello is the host's name",
    "smtp_fallback_relay": "several hosts may stand in a route, to be tried in order",
    "fallback_relay": "several hosts may stand in a route, to be tried in order",
    "smtp_host_lookup": "next hops are found in the DNS",
    "smtp_dns_support_level": "next hops are found in the DNS",
    "disable_dns_lookups": "next hops are found in the DNS; a [[route]] may have an address",
    "notify_classes": "nobody is told of troubles by mail; see the log and the metrics",
    "bounce_queue_lifetime": "reports are tried as long as other mail",
    "mailbox_size_limit": "[[user]] quota is for each",
    "owner_request_special": "owner-NAME is the owner of a list anyway",
    "local_recipient_maps": "unknown names are refused; [local] catch_all takes them",
    "smtpd_restriction_classes": "a class of restrictions is a hook ([policy] hooks)",
    "smtpd_recipient_overshoot_limit": "too many recipients are 452 each",
    "smtpd_soft_error_limit": "[policy] tarpit waits from the first mistake on",
    "luser_relay": "[local] catch_all takes unknown names, by domain",
    "smtp_tls_mandatory_protocols": "TLS 1.2 and 1.3 are spoken",
    "smtp_tls_protocols": "TLS 1.2 and 1.3 are spoken",
    "smtp_tls_mandatory_ciphers": "ciphers with forward secrecy are spoken",
    "smtpd_tls_exclude_ciphers": "ciphers with forward secrecy are spoken",
    "smtpd_tls_ciphers": "[tls] profile chooses them",
    "smtpd_tls_mandatory_ciphers": "[tls] profile chooses them",
    "tls_high_cipherlist": "[tls] profile chooses them",
    "tls_medium_cipherlist": "[tls] profile chooses them",
    "tls_preempt_cipherlist": "clients choose among the profile's ciphers",
    "smtpd_tls_eecdh_grade": "[tls] profile chooses them",
    "smtpd_sender_login_maps": "addresses stand in the line of each user: `heloise user add NAME --address …`",
    "non_smtpd_milters": "all mail comes in by SMTP here, and is seen by the milters",
    "milter_protocol": "agreed upon with each milter",
    "milter_mail_macros": "the usual macros are told; [[milter]] macros adds some",
    "address_verify_map": "addresses are not tried out at other servers",
    "fast_flush_domains": "[etrn] domains, for clients that [extensions] ETRN lets ask",
    "local_header_rewrite_clients": 'what users submit is completed on a listener with role "submission"',
    "remote_header_rewrite_domain": "headers of others are left as they are",
}


def parameters(work: Work) -> None:
    """Each that is one key, and then whatever is left."""
    for name, act in _ACTS.items():
        if work.is_written(name) and work.value(name) != "":
            act(work, name)
    if not work.is_written("message_size_limit"):
        work.draft.put("limits", "message_size", int(_DEFAULT_SIZE), "message_size_limit, Postfix's default")
    for setting in work.settings.values():
        name = setting.name
        if name in work.told:
            continue
        if name in _OWN_BUSINESS:
            work.tell(name, Became.NOT_NEEDED, "about Postfix itself")
        elif not work.value(name):
            work.tell(name, Became.DEFAULT, "empty")
        elif name in _SAME:
            no = work.value(name).lower() == "no"
            work.tell(name, Became.NOT_MAPPED if no else Became.SAME, ("always so: " if no else "") + _SAME[name])
        elif name in _NEVER:
            work.tell(name, Became.NOT_MAPPED, _NEVER[name])
        elif name in work.expander.used:
            work.tell(name, Became.SAME, "a name that other values are made with; it was put in")
        else:
            work.tell(name, Became.NOT_MAPPED, "heloise has nothing of this kind")


def duration(text: str, unit: str = "s") -> str | None:
    """A time of postconf(5) as we write it; None when it is none."""
    found = _TIME.fullmatch(text.strip())
    return None if found is None else f"{int(found[1])}{_UNITS[found[2] or unit]}"


def seconds(text: str, unit: str = "s") -> int | None:
    """In seconds."""
    found = _TIME.fullmatch(text.strip())
    factors = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return None if found is None else int(found[1]) * factors[found[2] or unit]


Act = Callable[[Work, str], None]


def _number(section: str, key: str, least: int = 0) -> Act:
    def act(work: Work, name: str) -> None:
        text = work.value(name)
        if not text.isdigit():
            work.tell(name, Became.NOT_MAPPED, f'"{text}" is no number')
        elif int(text) < least:
            work.tell(name, Became.NOT_MAPPED, f"{text} means no limit, which [{section}] {key} does not know")
        else:
            work.mapped(name, section, key, int(text))

    return act


def _time(section: str, key: str, unit: str = "s") -> Act:
    def act(work: Work, name: str) -> None:
        made = duration(work.value(name), unit)
        if made is None:
            work.tell(name, Became.NOT_MAPPED, f'"{work.value(name)}" is no time')
        else:
            work.mapped(name, section, key, made)

    return act


def separator(work: Work, name: str) -> None:
    """What begins a tag."""
    text = work.value(name)
    work.draft.put("local", "separator", text[0], work.why(name))
    if len(text) == 1:
        work.tell(name, Became.MAPPED, "[local] separator")
    else:
        work.tell(name, Became.PARTLY, f'[local] separator = "{text[0]}"; there is one')


def _backoff(work: Work, name: str) -> None:
    """minimal_backoff_time doubled up to maximal_backoff_time."""
    least = seconds(work.value("minimal_backoff_time") or "300s") or 300
    most = max(seconds(work.value("maximal_backoff_time") or "4000s") or 4000, least)
    waits = [least]
    while waits[-1] * 2 < most and len(waits) < 12:
        waits.append(waits[-1] * 2)
    if waits[-1] != most:
        waits.append(most)
    work.draft.put("retry", "intervals", [f"{wait}s" for wait in waits], work.why(name))
    for each in ("minimal_backoff_time", "maximal_backoff_time", "queue_run_delay"):
        work.tell(each, Became.MAPPED, "[retry] intervals")


def _level(work: Work, name: str) -> None:
    text = work.value(name)
    level = _LEVELS.get(text)
    if level is None:
        work.tell(name, Became.NOT_MAPPED, f'"{text}" is not known')
        return
    work.draft.put("delivery", "tls", level, work.why(name))
    exact = text in ("none", "may", "encrypt", "verify", "secure")
    why = "[delivery] tls" if exact else f'[delivery] tls = "{level}": certificates are not looked up in the DNS'
    work.tell(name, Became.MAPPED if exact else Became.PARTLY, why)


def _enforce(work: Work, name: str) -> None:
    if work.is_on(name):
        work.mapped(name, "delivery", "tls", "encrypt")
    else:
        work.tell(name, Became.DEFAULT, "no")


def _file(section: str, key: str) -> Act:
    def act(work: Work, name: str) -> None:
        path = work.value(name)
        if work.files.exists(path):
            work.mapped(name, section, key, path)
        else:
            work.tell(name, Became.NOT_MAPPED, f"{path} is not on this machine; write [{section}] {key} where it is")

    return act


def _client_certificate(work: Work, name: str) -> None:
    chain, key = work.value("smtp_tls_cert_file"), work.value("smtp_tls_key_file") or work.value("smtp_tls_cert_file")
    if work.files.exists(chain) and work.files.exists(key):
        work.mapped("smtp_tls_cert_file", "delivery", "certificate", chain)
        work.draft.put("delivery", "key", key)
    else:
        work.tell("smtp_tls_cert_file", Became.NOT_MAPPED, f"{chain} is not on this machine: [delivery] certificate")
    work.tell("smtp_tls_key_file", Became.MAPPED, "[delivery] key")


def certificates(work: Work) -> None:
    """[[tls.certificate]]: commented out when the files are not here, since a server without them does not start."""
    pairs = []
    for kind in ("", "ec", "d", "ecc"):
        names = (f"smtpd_tls_{kind}cert_file", f"smtpd_tls_{kind}key_file")
        chain, key = work.value(names[0]), work.value(names[1]).replace("$smtpd_tls_cert_file", "")
        if chain and chain != "none":
            pairs.append((names, chain, key or chain))
    chain_files = work.items("smtpd_tls_chain_files")
    if chain_files:
        pairs = [(("smtpd_tls_chain_files", "smtpd_tls_chain_files"), each, each) for each in chain_files]
    for names, chain, key in pairs:
        here = work.files.exists(chain) and work.files.exists(key)
        table = work.draft.add("tls.certificate", work.why(names[0]), chain=chain, key=key)
        if not here:
            work.draft.many["tls.certificate"].remove(table)
        text = (
            "[[tls.certificate]]" if here else f"{chain} or its key is not on this machine: write [[tls.certificate]]"
        )
        for name in dict.fromkeys(names):
            work.tell(name, Became.MAPPED if here else Became.NOT_MAPPED, text)
    if work.is_written("smtpd_tls_security_level"):
        level = work.value("smtpd_tls_security_level")
        if level == "encrypt":
            text = "TLS can not be demanded of other servers (RFC 3207 §4); passwords are shown under it only"
            work.tell("smtpd_tls_security_level", Became.NOT_MAPPED, text)
        else:
            work.tell("smtpd_tls_security_level", Became.SAME, "STARTTLS is offered where there is a certificate")
    for name in ("smtpd_tls_protocols", "smtpd_tls_mandatory_protocols"):
        if work.is_written(name):
            old = any(each in ("TLSv1", "TLSv1.1", ">=TLSv1", ">=TLSv1.1") for each in work.items(name))
            text = 'TLS 1.2 and 1.3 are spoken; [tls] profile = "old" speaks more'
            work.tell(name, Became.PARTLY if old else Became.SAME, text)
    if work.is_written("smtpd_tls_CAfile"):
        text = "authorities for clients' certificates are [tls] client_ca, for listeners with client_certificates"
        work.tell("smtpd_tls_CAfile", Became.NOT_MAPPED, text)


def _networks(section: str) -> Act:
    def act(work: Work, name: str) -> None:
        found = networks(work, name)
        if found:
            work.draft.put(section, "networks", found, work.why(name))
        work.tell(name, Became.MAPPED, f"[{section}] networks: {', '.join(found) or 'nobody'}")

    return act


def networks(work: Work, name: str) -> list[str]:
    """Addresses and networks of a list and of the tables in it; what is excluded from them can not be written down."""
    plain, tables = work.names(name)
    keys = [entry.key for table in tables if table.kind not in ("regexp", "pcre") for entry in table.entries]
    found = []
    for each in (*plain, *keys):
        text = each.replace("[", "").replace("]", "")
        try:
            found.append(str(ip_network(text)).removesuffix("/32").removesuffix("/128"))
        except ValueError:
            why = "what is taken out of a network can not be written down" if each.startswith("!") else "is no network"
            work.at(work.place(name), f"{name} {each}", Became.NOT_MAPPED, why)
    return list(dict.fromkeys(found))


def relaying(work: Work) -> None:
    """mynetworks, or what mynetworks_style makes of the machine's addresses."""
    if work.is_written("mynetworks"):
        found = networks(work, "mynetworks")
        work.draft.put("relay", "networks", found, work.why("mynetworks"))
        work.tell("mynetworks", Became.MAPPED, f"[relay] networks: {', '.join(found) or 'nobody'}")
        work.tell("mynetworks_style", Became.DEFAULT, "mynetworks counts")
    else:
        style = work.value("mynetworks_style")
        text = "this machine, by its loopback addresses; name its others in [relay] networks"
        became = Became.MAPPED if style == "host" else Became.PARTLY
        work.tell("mynetworks_style", became, text)
        work.draft.put("relay", "networks", ["127.0.0.0/8", "::1"], f"mynetworks_style {style}")


def _milters(work: Work, name: str) -> None:
    """smtpd_milters, with the settings of each in braces."""
    action = work.value("milter_default_action") or "tempfail"
    timeouts = {"connect_timeout": "milter_connect_timeout", "command_timeout": "milter_command_timeout"}
    timeouts |= {"content_timeout": "milter_content_timeout"}
    for index, text in enumerate(re.findall(r"\{[^{}]*\}|[^\s,]+", work.value(name))):
        parts = [
            part.strip() for part in re.split(r"[,\s]+", re.sub(r"\s*=\s*", "=", text.strip("{} "))) if part.strip()
        ]
        if not parts:
            work.at(work.place(name), f"{name} {text}", Became.NOT_MAPPED, "is no address of a milter")
            continue
        given = dict(part.split("=", 1) for part in parts[1:] if "=" in part)
        address = _milter_address(work, parts[0])
        if address is None:
            work.at(work.place(name), f"{name} {parts[0]}", Became.NOT_MAPPED, "is no address of a milter")
            continue
        table = work.draft.add("milter", work.why(name), name=f"milter{index + 1}", address=address)
        chosen = given.get("default_action", action)
        if chosen in ("tempfail", "accept", "reject", "quarantine"):
            table.put("default_action", chosen)
        for key, parameter in timeouts.items():
            made = duration(given.get(key, work.value(parameter)) or "")
            if made is not None:
                table.put(key, made)
    for each in (name, "milter_default_action", *timeouts.values()):
        work.tell(each, Became.MAPPED, "[[milter]]")


def _milter_address(work: Work, text: str) -> str | None:
    kind, _, rest = text.partition(":")
    if kind in ("unix", "local"):
        return "unix:" + (rest if rest.startswith("/") else f"{work.value('queue_directory')}/{rest}")
    if kind in ("inet", "inet6"):
        if "@" in rest:
            port, _, host = rest.partition("@")
        else:
            host, _, port = rest.rpartition(":")
        host = host.strip("[]")
        return f"{f'[{host}]' if ':' in host else host}:{port}" if host and port.isdigit() else None
    return None


def _rate(key: str) -> Act:
    def act(work: Work, name: str) -> None:
        text = work.value(name)
        unit = seconds(work.value("anvil_rate_time_unit") or "60s") or 60
        if not text.isdigit() or int(text) == 0:
            work.tell(name, Became.DEFAULT, "no limit")
            return
        quotas = work.draft.many["quota"]
        table = quotas[0] if quotas else work.draft.add("quota", "smtpd_client_*_rate_limit", per="client")
        table.put(key, f"{int(text)}/{unit}s", work.why(name))
        work.tell(name, Became.MAPPED, f"[[quota]] {key}; clients that may relay are counted as well")

    return act


def _rate_delay(work: Work, name: str) -> None:
    wait = seconds(work.value(name))
    if not wait:
        work.tell(name, Became.DEFAULT, "no wait")
    else:
        work.mapped(name, "delivery", "rate", f"1/{wait}s")


def _extensions_off(work: Work, name: str) -> None:
    known = {"CHUNKING", "DSN", "ETRN", "SMTPUTF8", "STARTTLS", "AUTH", "PIPELINING", "SIZE", "8BITMIME", "VRFY"}
    off = [each.upper() for each in work.items(name) if each.lower() != "silent-discard"]
    for keyword in off:
        if keyword in known:
            work.draft.put("extensions", keyword, "off", work.why(name))
        else:
            work.at(work.place(name), f"{name} {keyword}", Became.NOT_MAPPED, "is not offered anyway")
    work.tell(name, Became.MAPPED, "[extensions]")


def _utf8(work: Work, name: str) -> None:
    if work.is_on(name):
        work.tell(name, Became.SAME, "SMTPUTF8 is offered")
    else:
        work.mapped(name, "extensions", "SMTPUTF8", "off")


def _no_vrfy(work: Work, name: str) -> None:
    if work.is_on(name):
        work.draft.put("extensions", "VRFY", "off", work.why(name))
        work.tell(name, Became.MAPPED, "[extensions] VRFY: 252 for everybody, which tells nothing")
    else:
        work.tell(name, Became.DEFAULT, "VRFY tells clients that may relay")


def _passwords(work: Work, name: str) -> None:
    """smtp_sasl_password_maps: a [[credentials]] for each host; the password goes into a file of its own."""
    if not work.is_on("smtp_sasl_auth_enable"):
        work.tell(name, Became.NOT_NEEDED, "smtp_sasl_auth_enable is not yes")
        return
    number = 0
    for member in work.items(name):
        for entry in work.table(member, name).entries:
            user, colon, password = entry.value.partition(":")
            route, _ = smtp_route(entry.key)
            if "@" in entry.key or not colon or route is None:
                work.at(entry.place, entry.key, Became.NOT_MAPPED, "credentials are for hosts, as user:password")
                continue
            number += 1
            host = route.partition(":")[2].rpartition(":")[0] if route.startswith("smtp") else route.partition(":")[2]
            file = f"password-{number}"
            work.draft.add("credentials", entry.place, hosts=[host.strip("[]").lower()], user=user, password_file=file)
            work.beside[file] = f"{password}\n" if work.options.secrets else ""
            work.at(entry.place, entry.key, Became.MAPPED, f"[[credentials]]; the password belongs into {file}")
    work.tell(name, Became.MAPPED, "[[credentials]]")
    work.tell("smtp_sasl_auth_enable", Became.MAPPED, "[[credentials]]")


def _policy_maps(work: Work, name: str) -> None:
    """smtp_tls_policy_maps: a [[destination]] for each."""
    for member in work.items(name):
        for entry in work.table(member, name).entries:
            level = _LEVELS.get((entry.value.split() or [""])[0])
            host = entry.key.strip("[]").partition("]")[0].partition(":")[0].lower()
            if level is None or not host:
                work.at(entry.place, entry.key, Became.NOT_MAPPED, f'"{entry.value}" is not known')
                continue
            work.draft.add("destination", entry.place, hosts=[host], tls=level)
            text = f'[[destination]] tls = "{level}"; by the name of the host that takes the mail, not of the domain'
            work.at(entry.place, entry.key, Became.PARTLY, text)
    work.tell(name, Became.PARTLY, "[[destination]]")


def postscreen(work: Work) -> None:
    """postscreen(8), where it is in service: its lists of DNS, and its wait before the greeting."""
    serves = any(service.command == "postscreen" for service in work.services)
    names = [name for name in work.settings if name.startswith("postscreen_")]
    if not serves:
        for name in names:
            work.tell(name, Became.NOT_NEEDED, "postscreen is not in service")
        return
    if work.value("postscreen_greet_action") in ("enforce", "drop"):
        wait = duration(work.value("postscreen_greet_wait").partition("}")[0].rpartition("{")[2] or "6s") or "6s"
        work.draft.put("policy", "greet_delay", wait, work.why("postscreen_greet_action"))
        work.tell("postscreen_greet_action", Became.MAPPED, "[policy] greet_delay")
        work.tell("postscreen_greet_wait", Became.MAPPED, "[policy] greet_delay")
    sites, action = work.value("postscreen_dnsbl_sites"), work.value("postscreen_dnsbl_action")
    if sites and action in ("enforce", "drop"):
        for site in re.split(r"[,\s]+", sites):
            found = re.fullmatch(r"([^=*]+)(?:=([^*]+))?(?:\*(-?\d+))?", site)
            if found is not None:
                weight = int(found[3] or 1)
                dns_list(work, found[1], found[2] or "", weight, work.why("postscreen_dnsbl_sites"))
        threshold = work.value("postscreen_dnsbl_threshold") or "1"
        work.draft.put(
            "policy", "refuse_at", int(threshold) if threshold.isdigit() else 1, "postscreen_dnsbl_threshold"
        )
        for name in ("postscreen_dnsbl_sites", "postscreen_dnsbl_action", "postscreen_dnsbl_threshold"):
            work.tell(name, Became.MAPPED, "[[policy.list]] with weights, [policy] refuse_at")
    for name in names:
        if name not in work.told:
            work.tell(name, Became.NOT_MAPPED, "of postscreen there are the lists and the wait before the greeting")


def _cafile(work: Work, name: str) -> None:
    _file("delivery", "ca_file")(work, name)


_ACTS: Mapping[str, Act] = {
    "message_size_limit": _number("limits", "message_size"),
    "smtpd_recipient_limit": _number("limits", "recipients", 1),
    "smtpd_hard_error_limit": _number("limits", "errors", 1),
    "smtpd_client_connection_count_limit": _number("limits", "connections_per_client", 1),
    "hopcount_limit": _number("limits", "received_fields", 1),
    "line_length_limit": _number("limits", "command_line", 512),
    "smtpd_timeout": _time("limits", "command_timeout"),
    "maximal_queue_lifetime": _time("retry", "expire_after", "d"),
    "delay_warning_time": _time("retry", "warn_after", "h"),
    "minimal_backoff_time": _backoff,
    "maximal_backoff_time": _backoff,
    "queue_run_delay": _backoff,
    "default_destination_concurrency_limit": _number("delivery", "per_destination", 1),
    "smtp_destination_concurrency_limit": _number("delivery", "per_destination", 1),
    "default_destination_rate_delay": _rate_delay,
    "smtp_destination_rate_delay": _rate_delay,
    "smtp_connect_timeout": _time("delivery", "connect_timeout"),
    "smtp_tls_security_level": _level,
    "smtp_enforce_tls": _enforce,
    "smtp_tls_CAfile": _cafile,
    "smtp_tls_cert_file": _client_certificate,
    "smtp_tls_policy_maps": _policy_maps,
    "smtp_sasl_password_maps": _passwords,
    "smtpd_error_sleep_time": _time("policy", "tarpit"),
    "smtpd_client_connection_rate_limit": _rate("connections"),
    "smtpd_client_message_rate_limit": _rate("messages"),
    "smtpd_client_recipient_rate_limit": _rate("recipients"),
    "smtpd_discard_ehlo_keywords": _extensions_off,
    "smtputf8_enable": _utf8,
    "disable_vrfy_command": _no_vrfy,
    "smtpd_milters": _milters,
    "smtpd_authorized_xclient_hosts": _networks("xclient"),
    "smtpd_authorized_xforward_hosts": _networks("xforward"),
}
