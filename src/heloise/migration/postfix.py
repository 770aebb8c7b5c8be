"""A Postfix configuration as one of ours: main.cf, master.cf and the tables they name."""

from heloise.mail.address import AddressError, check_domain
from heloise.migration.access import write_hooks
from heloise.migration.addresses import aliases, domains, users
from heloise.migration.contents import content_checks
from heloise.migration.expansion import DEFAULTS, Expander
from heloise.migration.listening import listeners
from heloise.migration.lookup import Files
from heloise.migration.outcome import Became, Import, Outcome
from heloise.migration.parameters import certificates, parameters, postscreen, relaying, separator
from heloise.migration.restrictions import restrictions
from heloise.migration.routes import routes
from heloise.migration.source import read_main, read_master
from heloise.migration.work import ImportOptions, Work


def import_postfix(
    main: str, master: str, files: Files, options: ImportOptions, *, main_file: str, master_file: str
) -> Import:
    """Read the texts of main.cf and master.cf (empty when there is none); `main_file` and `master_file` are what they
    are called in the report."""
    settings, odd = read_main(main, main_file)
    expander = Expander({name: each.value for name, each in settings.items()}, _defaults(options))
    work = Work(
        settings=settings,
        services=read_master(master, master_file),
        files=files,
        options=options,
        expander=expander,
    )
    for each in odd:
        became = Became.NOT_MAPPED if not each.name else Became.DEFAULT
        text = "is no parameter" if not each.name else "written once more further down, which counts"
        work.at(each.place, each.name or each.value[:40], became, text)
    _hostname(work)
    work.draft.put("", "state", options.state)
    for step in (_separator_first, domains, users, aliases, routes, relaying, certificates, postscreen):
        step(work)
    for step in (restrictions, content_checks, write_hooks, parameters, listeners):
        step(work)
    order = {main_file: 0, master_file: 1}
    outcomes = sorted(work.outcomes, key=lambda each: (order.get(each.place.file, 2), each.place.file, each.place.line))
    return Import(work.draft.toml(_head(outcomes, main_file)), tuple(outcomes), work.beside)


def _defaults(options: ImportOptions) -> dict[str, str]:
    hostname = options.hostname or "localhost.localdomain"
    return {**DEFAULTS, "myhostname": hostname, "mydomain": hostname.partition(".")[2] or "localdomain"}


def _hostname(work: Work) -> None:
    name = work.value("myhostname").lower()
    if work.is_written("myhostname") and not work.is_written("mydomain") and "." in name:
        # Postfix: the domain is the host's name without its first part.
        work.expander = Expander(
            {**{each: setting.value for each, setting in work.settings.items()}, "mydomain": name.partition(".")[2]},
            _defaults(work.options),
        )
    try:
        work.draft.put("", "hostname", check_domain(name), work.why("myhostname"))
        work.tell("myhostname", Became.MAPPED, "hostname")
    except AddressError:
        work.draft.put("", "hostname", "localhost", "write the name of this server")
        work.tell("myhostname", Became.NOT_MAPPED, f'"{name}" is not a name')
    if not work.is_written("myhostname"):
        text = (
            "main.cf leaves it to the system; write the name of this server"
            if not work.options.hostname
            else "hostname"
        )
        work.at(work.place("myhostname"), "myhostname", Became.PARTLY, text)
    work.tell("mydomain", Became.SAME, "put in where it is named")


def _separator_first(work: Work) -> None:
    """Before accounts are named: what begins a tag is not in them."""
    if work.value("recipient_delimiter"):
        separator(work, "recipient_delimiter")
    else:
        work.draft.put("local", "separator", "", "recipient_delimiter, Postfix's default")


def _head(outcomes: list[Outcome], file: str) -> list[str]:
    counts = {became: sum(each.became is became for each in outcomes) for became in Became}
    told = ", ".join(f"{count} {became.value}" for became, count in counts.items() if count)
    return [f"Made of {file}: {told}.", *[f"{each}" for each in outcomes if each.became is Became.NOT_MAPPED]]
