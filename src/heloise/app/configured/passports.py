"""Configuration → who keeps passports."""

from heloise.app.journal import Journal
from heloise.app.server.part import ALONE, Part, numbered
from heloise.config.schema import Configuration
from heloise.passport.archive import Archive, Retention
from heloise.passport.office import PassportOffice
from heloise.world import World

LEAST_FREE = 16 << 20  # octets that history leaves to mail even when [limits] minimum_free asks for less


def make_office(
    configuration: Configuration,
    world: World,
    journal: Journal,
    *,
    vfs: str | None = None,
    exclusive: bool = False,
    part: Part = ALONE,
) -> PassportOffice | None:
    """The office, which `journal` tells from now on; None when no passports are kept."""
    section = configuration.passport
    if section.off:
        return None
    retention = retention_of(configuration, part)
    minimum_free = max(LEAST_FREE, configuration.limits.minimum_free)
    directory = numbered(f"{configuration.state}/passport", part.index)
    archive = Archive(directory, world.files, retention, vfs=vfs, exclusive=exclusive, minimum_free=minimum_free)
    office = PassportOffice(archive, world, told=journal.passport_trouble)
    journal.keep_passports(office)
    return office


def retention_of(configuration: Configuration, part: Part) -> Retention:
    """How much is kept, and how long. A message that is still in the queue keeps its beginning."""
    section = configuration.passport
    return Retention(keep=max(section.keep, configuration.retry.expire_after), messages=part.share(section.messages))
