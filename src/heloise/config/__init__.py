"""The configuration: one strict TOML file, read into frozen values that know the line they were written on."""

from heloise.config.errors import ConfigError, Problem
from heloise.config.load import parse_configuration, read_configuration
from heloise.config.schema import Configuration

__all__ = [
    "ConfigError",
    "Configuration",
    "Problem",
    "parse_configuration",
    "read_configuration",
]
