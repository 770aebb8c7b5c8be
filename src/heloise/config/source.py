"""A configuration as it is written, so that it can be handed to another process, and kept when the file changes."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from heloise.config.errors import ConfigError
from heloise.config.kinds import read_path
from heloise.config.load import decoded, parse_configuration
from heloise.config.schema import Configuration

_STATE = re.compile(r"""^state\s*=\s*(["'])(.+?)\1""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """The text, the name of the file as it is shown, and the directory that relative paths begin at."""

    text: str
    file: str
    directory: str

    @classmethod
    def read(cls, path: str) -> "Source":
        """What is in a file now. Blocks. Raises OSError, and ConfigError for what is not UTF-8."""
        return cls(decoded(Path(path).read_bytes(), path), path, str(Path(path).absolute().parent))

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> "Source":
        """What `as_json` made of one. Raises KeyError, TypeError."""
        return cls(**value)

    def parse(self) -> Configuration:
        """What it means. Raises ConfigError."""
        return parse_configuration(self.text, file=self.file, directory=self.directory)

    def as_json(self) -> dict[str, str]:
        """For the control socket."""
        return asdict(self)

    def control_socket(self) -> str | None:
        """Where the server is spoken to that runs by this; as far as it can be told when the text is wrong."""
        try:
            return self.parse().control_socket
        except ConfigError:
            found = _STATE.search(self.text)
            return None if found is None else f"{read_path(found[2], PurePosixPath(self.directory))}/control"
