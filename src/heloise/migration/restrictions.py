"""smtpd_*_restrictions: what each word of them became. access(5), postconf(5).

heloise asks its checks about clients that may not relay, whatever the order; lists of DNS count by weights.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_network

from heloise.migration.access import check_access, refuse_the_rest, spares
from heloise.migration.lookup import is_table
from heloise.migration.outcome import Became
from heloise.migration.work import Work

STAGES = ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data", "etrn")
_MAILBOX_ORDER = "reject_unauth_destination"

# A word → (what it became, what is said of it); keys it sets are in _KEYS.
_PLAIN: Mapping[str, tuple[Became, str]] = {
    "permit_mynetworks": (Became.SAME, "clients of [relay] networks are not asked about"),
    "permit_sasl_authenticated": (Became.SAME, "who has logged in may relay, and is not asked about"),
    "permit_inet_interfaces": (Became.SAME, "this machine is in [relay] networks"),
    "permit": (Became.SAME, "what is not refused is taken"),
    "permit_auth_destination": (Became.SAME, "mail for domains of ours is taken"),
    "reject_unauth_destination": (Became.SAME, "for other domains (550 5.7.1)"),
    "defer_unauth_destination": (Became.SAME, "for other domains (550 5.7.1), where Postfix has 454"),
    "reject_unlisted_recipient": (Became.SAME, "unknown names are refused (550 5.1.1)"),
    "reject_non_fqdn_sender": (Became.SAME, "an address has a domain (RFC 5321 §4.1.2)"),
    "reject_non_fqdn_recipient": (Became.SAME, "an address has a domain (RFC 5321 §4.1.2)"),
    "reject_invalid_helo_hostname": (Became.SAME, "what is no name is refused (501, RFC 5321 §4.1.1.1)"),
    "reject_invalid_hostname": (Became.SAME, "what is no name is refused (501, RFC 5321 §4.1.1.1)"),
    "reject_unauth_pipelining": (Became.PARTLY, "who speaks before the greeting is found by [policy] greet_delay"),
    "reject_unlisted_sender": (Became.NOT_MAPPED, "senders that claim to be ours are not looked up"),
    "reject_multi_recipient_bounce": (Became.NOT_MAPPED, "write it as a hook ([policy] hooks)"),
    "reject_plaintext_session": (Became.NOT_MAPPED, "TLS can not be demanded of other servers (RFC 3207 §4)"),
    "permit_mx_backup": (Became.NOT_MAPPED, "name the domains in a [[route]] with for_strangers"),
    "permit_tls_all_clientcerts": (Became.NOT_MAPPED, "certificates stand for users by AUTH EXTERNAL"),
    "permit_tls_clientcerts": (Became.NOT_MAPPED, "certificates stand for users by AUTH EXTERNAL"),
    "reject_unverified_sender": (Became.NOT_MAPPED, "addresses are not tried out at other servers"),
    "reject_unverified_recipient": (Became.NOT_MAPPED, "addresses are not tried out at other servers"),
    "defer_if_permit": (Became.NOT_MAPPED, "write it as a hook ([policy] hooks)"),
    "defer_if_reject": (Became.NOT_MAPPED, "write it as a hook ([policy] hooks)"),
    "reject": (Became.SAME, "who may send is said by [relay] networks and the role of a [[listener]]"),
    "defer": (Became.NOT_MAPPED, "write it as a hook ([policy] hooks)"),
}
_REFUSE: Mapping[str, tuple[str, object, Became]] = {
    "reject_non_fqdn_helo_hostname": ("hello_short", "refuse", Became.MAPPED),
    "reject_non_fqdn_hostname": ("hello_short", "refuse", Became.MAPPED),
    "reject_unknown_helo_hostname": ("hello_unresolved", "refuse", Became.MAPPED),
    "reject_unknown_hostname": ("hello_unresolved", "refuse", Became.MAPPED),
    "reject_unknown_client_hostname": ("reverse_name", "refuse", Became.MAPPED),
    "reject_unknown_client": ("reverse_name", "refuse", Became.MAPPED),
    "reject_unknown_reverse_client_hostname": ("reverse_name", 1, Became.PARTLY),
    "reject_unknown_sender_domain": ("sender_domain", "refuse", Became.MAPPED),
    "reject_unknown_recipient_domain": ("recipient_null_mx", True, Became.PARTLY),
}
_LOGIN = (
    "reject_sender_login_mismatch",
    "reject_authenticated_sender_login_mismatch",
    "reject_known_sender_login_mismatch",
)
_WITH_ARGUMENT = ("check_", "reject_rbl", "reject_rhsbl", "permit_dnswl", "permit_rhswl", "sleep", "reject_maps")
_POSTGREY = (":10023", "postgrey")


def restrictions(work: Work) -> None:
    """All lists, in the order they are asked in."""
    for stage in STAGES:
        name = f"smtpd_{stage}_restrictions"
        if not work.is_written(name):
            continue
        words = work.items(name)
        if not words:
            work.tell(name, Became.SAME, "empty")
            continue
        work.told.add(name)
        _one_list(work, name, words)


def _one_list(work: Work, name: str, words: list[str]) -> None:
    index, asks_strangers_only = 0, False
    while index < len(words):
        word = words[index].lower()
        argument = ""
        if word == "warn_if_reject":
            skipped = " ".join(words[index + 1 : index + 3])
            work.at(work.place(name), f"{name} {word}", Became.NOT_MAPPED, f"nothing is only warned of: {skipped}")
            index += 3 if index + 1 < len(words) and _takes_argument(words[index + 1]) else 2
            continue
        if _takes_argument(word) and index + 1 < len(words):
            argument = words[index + 1]
            index += 1
        index += 1
        asks_strangers_only = asks_strangers_only or word == "permit_mynetworks"
        _word(work, name, word, argument)
    spares(work, name, [word for word in map(str.lower, words) if word in _REFUSE or word.startswith("reject_rbl")])


def _takes_argument(word: str) -> bool:
    return word.lower().startswith(_WITH_ARGUMENT)


def _word(work: Work, name: str, word: str, argument: str) -> None:
    place, shown = work.place(name), f"{name} {word} {argument}".strip()
    if word in ("reject", "defer") and refuse_the_rest(work, name, shown, word):
        return
    if word in _PLAIN:
        became, text = _PLAIN[word]
        work.at(place, shown, became, text)
        work.hooks.permit(name, word, is_known=became is Became.SAME)
    elif word in _REFUSE:
        key, value, became = _REFUSE[word]
        if became is Became.PARTLY and isinstance(value, int) and not isinstance(value, bool):
            text = (
                f'[policy] {key} wants a name that leads back, which is more; write {key} = "refuse" if that is meant'
            )
            work.at(place, shown, Became.NOT_MAPPED, text)
            return
        work.draft.put("policy", key, value, f"{place} {word}")
        text = f"[policy] {key}" + ("" if became is Became.MAPPED else ": only for domains that say they take no mail")
        work.at(place, shown, became, text)
    elif word in _LOGIN:
        work.draft.put("auth", "sender_login_match", True, f"{place} {word}")
        work.at(place, shown, Became.MAPPED, "[auth] sender_login_match; addresses stand in the line of each user")
    else:
        if word.startswith("permit"):
            work.hooks.broken.add(name)
        for beginning, act in _ARGUED:
            if word.startswith(beginning):
                act(work, name, shown, word, argument)
                return
        if is_table(word):
            work.at(place, shown, Became.NOT_MAPPED, _HOOK)
        else:
            work.at(
                place, shown, Became.NOT_MAPPED, "not known; a class of restrictions would be a hook ([policy] hooks)"
            )


_HOOK = "a table of what kind is not said: write check_…_access before it"


def _dns_list(work: Work, name: str, shown: str, word: str, argument: str) -> None:
    zone, _, answers = argument.partition("=")
    dns_list(work, zone, answers, "refuse", f"{work.place(name)} {word}")
    work.at(work.place(name), shown, Became.MAPPED, "[[policy.list]]")


def dns_list(work: Work, zone: str, answers: str, weight: object, why: str) -> None:
    """One [[policy.list]] for a zone, whatever number of restrictions name it."""
    networks = answer_networks(answers)
    known = [table.keys["zone"][0] for table in work.draft.many["policy.list"]]
    if zone.lower() not in known:
        work.draft.add("policy.list", why, zone=zone.lower(), weight=weight, answers=networks or None)


def answer_networks(text: str) -> list[str]:
    """`127.0.0.[2..4;9]` as networks: each number of the last part, where it is no more than 256 of them."""
    if not text:
        return []
    head, bracket, tail = text.partition("[")
    if not bracket:
        return [text]
    if not tail.endswith("]") or head.count(".") != 3:
        return []
    found = []
    for part in tail[:-1].split(";"):
        first, _, last = part.partition("..")
        if first.isdigit() and (not last or last.isdigit()):
            found += [
                str(ip_network(f"{head}{number}")).removesuffix("/32")
                for number in range(int(first), int(last or first) + 1)
            ]
    return found


def _policy_service(work: Work, name: str, shown: str, word: str, argument: str) -> None:
    if any(each in argument for each in _POSTGREY):
        work.draft.put("greylist", "wait", "5m", f"{work.place(name)} {word} {argument}")
        work.at(work.place(name), shown, Became.PARTLY, "it looks like postgrey: [greylist] wait")
    else:
        text = "programs that speak Postfix's policy protocol are not asked; a milter or [policy] hooks may do the same"
        work.at(work.place(name), shown, Became.NOT_MAPPED, text)


def _not_mapped(text: str) -> "Act":
    def act(work: Work, name: str, shown: str, word: str, argument: str) -> None:
        work.at(work.place(name), shown, Became.NOT_MAPPED, text)

    return act


Act = Callable[[Work, str, str, str, str], None]
_ARGUED: tuple[tuple[str, Act], ...] = (
    ("reject_rbl_client", _dns_list),
    ("check_policy_service", _policy_service),
    ("check_", check_access),
    ("reject_rhsbl", _not_mapped("lists of domains in the DNS are not asked")),
    ("permit_dnswl_client", _not_mapped("write a [[policy.list]] with a weight below 0, and weights for the others")),
    ("permit_rhswl_client", _not_mapped("lists of domains in the DNS are not asked")),
    ("sleep", _not_mapped("[policy] greet_delay and tarpit wait at the greeting and after mistakes")),
)
