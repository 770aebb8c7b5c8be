"""Read a configuration: text → tables → draft → checks → `Configuration`, or one `ConfigError` with all problems."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from heloise.config.checks import check
from heloise.config.decode import Decoder, hints, toml_key, without_none
from heloise.config.errors import ConfigError, Problem
from heloise.config.kinds import AbsolutePath, Domain
from heloise.config.places import Places, find_places
from heloise.config.schema import Configuration
from heloise.mail.cause import Rule

_LINE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")
_STAND_INS = {"hostname": Domain("localhost"), "state": AbsolutePath("/nonexistent")}


def read_configuration(path: str) -> Configuration:
    """Read the file `path`, whose name is kept as it is given for the rules.

    Raises:
        ConfigError: it is not a good configuration, or not TOML in UTF-8.
        OSError: it can not be read.
    """
    text = decoded(Path(path).read_bytes(), path)
    return parse_configuration(text, file=path, directory=str(Path(path).absolute().parent))


def decoded(octets: bytes, path: str) -> str:
    """The text of a file. Raises ConfigError: it is not UTF-8."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(rule=Rule(path, line), section="", text="the file is not UTF-8")]) from None


def parse_configuration(text: str, *, file: str = "heloise.toml", directory: str) -> Configuration:
    """Read TOML text. Relative paths in it begin at `directory`, which is absolute. Raises ConfigError."""
    tables, places = tables_and_places(text, file)
    decoder = Decoder(
        places=places, directory=PurePosixPath(directory), stand_ins=_STAND_INS, owners=dict(_owners(Configuration))
    )
    draft: Configuration = decoder.section(Configuration, tables, ())
    draft = replace(draft, places=places)
    broken = {problem.section for problem in decoder.problems}
    problems = [*decoder.problems, *check(draft, broken=broken)]
    if problems:
        raise ConfigError(problems)
    return draft


def tables_and_places(text: str, file: str) -> tuple[dict[str, Any], Places]:
    """What the text says, and where each value stands. Raises ConfigError: it is not TOML."""
    try:
        return tomllib.loads(text), find_places(text, file)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        trouble = f"not TOML: {_LINE.sub('', str(error))}"
    # tomllib lets these two through, and tells no line.
    except RecursionError:
        line, trouble = 1, "brackets are nested too deeply"
    except ValueError:
        line, trouble = 1, "a number has too many digits"
    raise ConfigError([Problem(rule=Rule(file, line), section="", text=trouble)])


def _owners(cls: type) -> Iterator[tuple[str, str]]:
    """Key → section, for keys written in the wrong place."""
    for item in fields(cls):
        key = toml_key(item)
        kind = without_none(hints(cls)[item.name])
        kind = get_args(kind)[0] if get_args(kind) else kind
        if key is not None and is_dataclass(kind):
            yield from ((name, key) for inner in fields(kind) if (name := toml_key(inner)) is not None)
